//! Which events a publication looks at, and how much of the log it needs for that.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Target;
use crate::error::Result;
use crate::pipeline::Column;
use crate::sql::render;
use crate::state::{Landed, Window};

/// To read less than that costs no more than to ask.
const LEAST_BYTES: i64 = 8 << 20;
const LONGEST_BOUND: usize = 256;
/// Ids below it are those of rows that were read of a logged table itself.
pub(super) const FIRST_LOGGED: i64 = i64::MIN / 2;

/// How much of the log decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The events of the batches; all of the log for keys with an event that is not newer than everything before.
    Batches,
    /// As [`Scope::Batches`], but all of the log for every key that the batches touch: what the tables say is not relied on.
    Touched,
    /// All of the log: the tables are made anew, aside.
    Everything,
    /// All of the log for these keys, whose values are texts in the order of the key's columns.
    Keys(Vec<Vec<String>>),
    /// All of the log, of one key in so many.
    Sample(u32),
}

/// The events of a range of batches, and how much of the log decides about their keys.
#[derive(Debug, Clone)]
pub struct Refresh {
    pub window: Window,
    /// What they hold, and what was before them.
    pub landed: Landed,
    /// How much of the log decides.
    pub scope: Scope,
    /// Whether the batches were published before, and are published again.
    pub is_repair: bool,
    /// Whether the current rows show all that came before the batches.
    pub is_published: bool,
    /// Between which values of the first key column the batches lie, where that was asked for.
    pub bounds: Option<Bounds>,
}

/// Bounds of the first key column: they let Trino leave out files of other keys.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Bounds {
    column: Column,
    low: String,
    high: String,
}

impl Refresh {
    /// Takes the batches of a window, or everything where they begin or truncate the table.
    #[must_use]
    pub fn of(window: Window, landed: Landed, fast_path: bool) -> Self {
        let scope = if window.after_batch == 0 || landed.events.truncates > 0 {
            Scope::Everything
        } else if fast_path {
            Scope::Batches
        } else {
            Scope::Touched
        };

        Self {
            window,
            landed,
            scope,
            is_repair: false,
            is_published: false,
            bounds: None,
        }
    }

    /// Takes everything up to a batch that was published before, or some keys of it.
    #[must_use]
    pub fn again(window: Window, landed: Landed, scope: Scope) -> Self {
        Self {
            window,
            landed,
            scope,
            is_repair: true,
            is_published: false,
            bounds: None,
        }
    }

    /// Asks between which values of the first key column the batches lie, where leaving out files may be worth a question: in a
    /// table of so many `bytes`, and where the log is read. Only values that read back the same from their text are bounds.
    pub async fn bounded(mut self, target: Target<'_>, bytes: i64) -> Result<Self> {
        let first = target.columns.iter().find(|column| column.is_key);
        let is_increment = matches!(self.scope, Scope::Batches | Scope::Touched);
        let Some(column) = first.filter(|column| column.can_be_bounded()) else {
            return Ok(self);
        };
        if !is_increment || self.is_empty() || (bytes < LEAST_BYTES && !self.has_older()) {
            return Ok(self);
        }
        let sql = render("marts/bounds.sql", self.context(target))?;
        let rows = target.publisher.read(&sql).await?;
        let ends = rows
            .first()
            .and_then(|row| row[0].as_str().zip(row[1].as_str()));
        self.bounds = ends
            .filter(|(low, high)| low.len() <= LONGEST_BOUND && high.len() <= LONGEST_BOUND)
            .map(|(low, high)| Bounds {
                column: column.clone(),
                low: low.to_owned(),
                high: high.to_owned(),
            });

        Ok(self)
    }

    /// Whether the place of an event of the batches lies below the last before them.
    fn has_late(&self) -> bool {
        match self.scope {
            Scope::Batches if self.landed.is_by_clock => !self.is_later() || self.has_loaded(),
            Scope::Batches => !is_newer(self.landed.events.first_event, self.landed.highest_event),
            Scope::Touched | Scope::Keys(_) => true,
            Scope::Everything | Scope::Sample(_) => false,
        }
    }

    /// Whether versions of some keys need more than the events of the batches.
    ///
    /// A key's do not where all its events have an id above the highest and a time later than the latest before: then its
    /// open version tells what it was. A time that ties does not do: the event before might never have been visible.
    pub(super) fn has_older(&self) -> bool {
        self.has_late() || (self.scope == Scope::Batches && !self.is_later())
    }

    /// Whether rows that were read of a logged table itself are among the events.
    fn has_loaded(&self) -> bool {
        let first = self.landed.events.first_event;

        first.is_some_and(|first| first < FIRST_LOGGED)
    }

    /// Whether all times of the batches are later than all before.
    fn is_later(&self) -> bool {
        let microseconds = |time: Option<Timestamp>| time.map(Timestamp::as_microsecond);

        is_newer(
            microseconds(self.landed.events.first_time),
            microseconds(self.landed.highest_time),
        )
    }

    /// What a statement about these events may name.
    pub(super) fn context(&self, target: Target<'_>) -> Value {
        let mut context = target.context();
        let Landed {
            events,
            truncates_ever,
            highest_event,
            highest_time,
            ..
        } = &self.landed;
        let highest_event = match self.scope {
            Scope::Touched => i64::MAX,
            _ => highest_event.unwrap_or(i64::MAX),
        };
        let highest_time = match self.scope {
            Scope::Touched => Timestamp::MAX,
            _ => highest_time.unwrap_or(Timestamp::MAX),
        };
        let more = json!({
            "after_batch": self.window.after_batch,
            "upto_batch": self.window.upto_batch,
            "first_event": events.first_event.unwrap_or(0),
            "last_event": events.last_event.unwrap_or(0),
            "repeats": events.repeats,
            "is_shown": self.is_published && target.definition.source.is_read_again(),
            "has_loaded": self.has_loaded() && target.definition.source.table().is_some(),
            "everything": matches!(self.scope, Scope::Everything | Scope::Sample(_)),
            "is_increment": self.scope == Scope::Batches,
            "has_late": self.has_late(),
            "has_older": self.has_older(),
            "is_truncated": *truncates_ever > 0,
            "highest_event": highest_event,
            "bounds": self.bounds,
            "highest_time": moment(highest_time),
            "first_time": events.first_time.map(moment),
            "last_time": events.last_time.map(moment),
            "keys": match &self.scope { Scope::Keys(keys) => json!(keys), _ => Value::Null },
            "sample_of": match self.scope { Scope::Sample(one_in) if one_in > 1 => json!(one_in), _ => Value::Null },
        });
        if let (Some(context), Value::Object(more)) = (context.as_object_mut(), more) {
            context.extend(more);
        }

        context
    }
}

/// A time as Trino writes it.
fn moment(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%S%.6f UTC")
        .to_string()
}

/// Whether all of the batches is above all of before. Where nothing is known of before, there may still be a log of it: the
/// state database may have been lost.
fn is_newer(first: Option<i64>, highest: Option<i64>) -> bool {
    first
        .zip(highest)
        .is_some_and(|(first, highest)| first > highest)
}
