//! A refresh: the window of batches that one step of a table works on, and how much of the typed log decides.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::Target;
use super::target::{FIRST_LOGGED, TableContext};
use crate::error::Result;
use crate::pipeline::Column;
use crate::state::{Landed, Window};

/// Below this size, asking for key bounds costs more than it saves.
const LEAST_BYTES: i64 = 8 << 20;
const LONGEST_BOUND: usize = 256;

/// How much of the log decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The events of the batches; all of the log for keys with an event that is not newer than everything before.
    NewBatches,
    /// As [`Scope::NewBatches`], but all of the log for every key that the batches touch: the marts may already hold these
    /// batches.
    TouchedKeys,
    /// All of the log: the tables are remade.
    Everything,
    /// All of the log for these keys, whose values are texts in the order of the key's columns.
    Keys(Vec<Vec<String>>),
    /// All of the log, for one key in this many.
    Sample(u32),
}

/// What one step of a table works on.
#[derive(Debug, Clone)]
pub struct Refresh {
    pub window: Window,
    /// Counts of the window's events, and the highest id and time before it.
    pub landed: Landed,
    /// How much of the log decides.
    pub scope: Scope,
    /// Whether the batches were published before, and are published again.
    pub is_repair: bool,
    /// Whether the current rows show all that came before the batches.
    pub is_published: bool,
    /// The bounds of the batches' keys. `None`: not looked up.
    pub bounds: Option<Bounds>,
}

/// The lowest and the highest value of the first key column in the batches: Trino skips files of other keys.
#[derive(Debug, Clone, Serialize)]
pub struct Bounds {
    column: Column,
    low: String,
    high: String,
}

/// The row of `marts/bounds.sql`; null if the batches have no event.
#[derive(Deserialize)]
struct BoundsRow {
    low: Option<String>,
    high: Option<String>,
}

/// The context of every statement about a refresh.
#[derive(Debug, Clone, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of a template"
)]
pub(super) struct RefreshContext<'a> {
    #[serde(flatten)]
    table: TableContext<'a>,
    after_batch: i64,
    upto_batch: i64,
    /// The lowest and the highest id of the batches' events, and the same of their times.
    first_event: i64,
    last_event: i64,
    first_time: Option<String>,
    last_time: Option<String>,
    /// Whether an event id may occur more than once.
    ids_may_repeat: bool,
    /// Whether a row that equals its current row is no event. A poll reads rows again, and the current rows show all
    /// that was read before.
    skips_shown_rows: bool,
    /// Whether rows of a backfill are among the events.
    has_backfill: bool,
    /// Whether the whole log is read, or the whole log of a sample of the keys.
    reads_whole_log: bool,
    /// Whether the events of the batches decide, together with what the marts hold from before.
    is_increment: bool,
    /// Whether events of the batches may be late. If the whole log is read, only the ledger asks this.
    pub(super) may_be_late: bool,
    /// Whether the whole log of some keys is read: those with a late event or a tie, and those that a caller named.
    rereads_keys: bool,
    /// Whether the log has a truncate.
    is_truncated: bool,
    /// The highest id and time before the batches. If unknown, the highest possible values, which assume that every
    /// event is late.
    highest_event: i64,
    highest_time: String,
    bounds: Option<&'a Bounds>,
    /// The keys that were named, each as the texts of its values.
    keys: Option<&'a [Vec<String>]>,
    /// The sample has one key in this many.
    sample_of: Option<u32>,
}

impl Refresh {
    /// Takes the batches of a window, or everything if they begin or truncate the table.
    #[must_use]
    pub fn of(window: Window, landed: Landed, fast_path: bool) -> Self {
        let scope = if window.after_batch == 0 || landed.events.truncates > 0 {
            Scope::Everything
        } else if fast_path {
            Scope::NewBatches
        } else {
            Scope::TouchedKeys
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

    /// Looks up the bounds of the batches' keys if skipping files may pay: in a mart of many `bytes`, or if the log is
    /// read. A type is bounded only if its values read back the same from their text.
    pub async fn bounded(mut self, target: Target<'_>, bytes: i64) -> Result<Self> {
        let first = target.columns.iter().find(|column| column.is_key);
        let is_increment = matches!(self.scope, Scope::NewBatches | Scope::TouchedKeys);
        let Some(column) = first.filter(|column| column.can_be_bounded()) else {
            return Ok(self);
        };
        if !is_increment || self.is_empty() || (bytes < LEAST_BYTES && !self.rereads_keys()) {
            return Ok(self);
        }
        let row: BoundsRow = target
            .publisher
            .row("marts/bounds.sql", self.context(target))
            .await?;
        self.bounds = row
            .low
            .zip(row.high)
            .filter(|(low, high)| low.len() <= LONGEST_BOUND && high.len() <= LONGEST_BOUND)
            .map(|(low, high)| Bounds {
                column: column.clone(),
                low,
                high,
            });

        Ok(self)
    }

    pub(super) fn is_empty(&self) -> bool {
        let events = &self.landed.events;
        let has_none = events.events == 0 && events.replayed == 0;

        has_none && !self.is_repair
    }

    /// Whether an event of the batches may be late: before the last one that its key had.
    fn may_be_late(&self) -> bool {
        match self.scope {
            Scope::NewBatches if self.landed.is_by_clock => {
                !self.begins_later() || self.has_backfill()
            }
            Scope::NewBatches => {
                !begins_above(self.landed.events.first_event, self.landed.highest_event)
            }
            Scope::TouchedKeys | Scope::Keys(_) => true,
            Scope::Everything | Scope::Sample(_) => false,
        }
    }

    /// Whether the whole log of some keys is read.
    ///
    /// A key needs no log if all its new events have a higher id and a later time than everything before. Its open
    /// version then holds its last state. An equal time is not enough: the event before it might never have been
    /// visible.
    pub(super) fn rereads_keys(&self) -> bool {
        self.may_be_late() || (self.scope == Scope::NewBatches && !self.begins_later())
    }

    /// Whether rows of a backfill are among the events.
    fn has_backfill(&self) -> bool {
        let first = self.landed.events.first_event;

        first.is_some_and(|first| first < FIRST_LOGGED)
    }

    /// Whether all times of the batches are later than every time before.
    fn begins_later(&self) -> bool {
        let microseconds = |time: Option<Timestamp>| time.map(Timestamp::as_microsecond);

        begins_above(
            microseconds(self.landed.events.first_time),
            microseconds(self.landed.highest_time),
        )
    }

    pub(super) fn context<'a>(&'a self, target: Target<'a>) -> RefreshContext<'a> {
        let source = &target.definition.source;
        let landed = &self.landed;
        let events = &landed.events;
        // If the marts may already hold these batches, what was before is unknown.
        let is_relied_on = self.scope != Scope::TouchedKeys;
        let highest_event = landed.highest_event.filter(|_| is_relied_on);
        let highest_time = landed.highest_time.filter(|_| is_relied_on);

        RefreshContext {
            table: target.context(),
            after_batch: self.window.after_batch,
            upto_batch: self.window.upto_batch,
            // Unknown ids leave nothing out: the bounds only spare reading other files of the typed log.
            first_event: events.first_event.unwrap_or(-i64::MAX),
            last_event: events.last_event.unwrap_or(i64::MAX),
            first_time: events.first_time.map(moment),
            last_time: events.last_time.map(moment),
            ids_may_repeat: events.ids_may_repeat,
            skips_shown_rows: self.is_published && source.is_read_again(),
            has_backfill: self.has_backfill() && source.table().is_some(),
            reads_whole_log: matches!(self.scope, Scope::Everything | Scope::Sample(_)),
            is_increment: self.scope == Scope::NewBatches,
            may_be_late: self.may_be_late(),
            rereads_keys: self.rereads_keys(),
            is_truncated: landed.truncates_ever > 0,
            highest_event: highest_event.unwrap_or(i64::MAX),
            highest_time: moment(highest_time.unwrap_or(Timestamp::MAX)),
            bounds: self.bounds.as_ref(),
            keys: match &self.scope {
                Scope::Keys(keys) => Some(keys),
                _ => None,
            },
            sample_of: match self.scope {
                Scope::Sample(one_in) if one_in > 1 => Some(one_in),
                _ => None,
            },
        }
    }
}

/// A time as Trino writes it.
fn moment(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%S%.6f UTC")
        .to_string()
}

/// Whether the batches begin above everything before. Unknown means no: the state database may have been lost
/// while the typed log remained.
fn begins_above(first: Option<i64>, highest: Option<i64>) -> bool {
    first
        .zip(highest)
        .is_some_and(|(first, highest)| first > highest)
}
