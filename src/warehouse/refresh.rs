//! A refresh: a window, and the scope: which part of the typed log is read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Target;
use super::slices::Slice;
use super::target::{FIRST_AUDIT_ID, TableContext};
use crate::error::Result;
use crate::pipeline::Column;
use crate::sql::timestamp_text;
use crate::state::{Landed, Window};

/// Below this size, asking for key bounds costs more than it saves.
const MIN_MART_BYTES_FOR_BOUNDS: i64 = 8 << 20;
const MAX_BOUND_BYTES: usize = 256;

/// Which part of the typed log is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Reads the events of the batches, and the whole typed log for keys with an event that is not newer than all before.
    NewBatches,
    /// Reads the whole typed log for every key that the batches touch: the marts may already hold these batches.
    TouchedKeys,
    /// Reads the whole typed log: the tables are remade.
    Everything,
    /// Reads the whole typed log for these keys, whose values are texts in the order of the key's columns.
    Keys(Vec<Vec<String>>),
    /// Reads the whole typed log for one key in this many.
    Sample(u32),
}

impl Scope {
    /// Whether batches are read, and at most the whole typed log of their keys.
    #[must_use]
    pub fn is_of_batches(&self) -> bool {
        matches!(self, Self::NewBatches | Self::TouchedKeys)
    }
}

/// What one step of a table works on.
#[derive(Debug, Clone)]
pub struct Refresh {
    pub window: Window,
    /// Counts of the window's events, and the highest id and time before it.
    pub landed: Landed,
    pub scope: Scope,
    /// Whether the batches were published before, and are published again. Their events are not counted twice.
    pub is_republish: bool,
    /// Whether the current rows show all batches before the window.
    pub is_current_complete: bool,
    /// Whether the history is published up to the window's end: a remake of current rows takes them from it.
    pub is_history_complete: bool,
    /// The bounds of the batches' keys. `None`: not looked up.
    pub bounds: Option<Bounds>,
    /// The events of the typed log up to the window's end, if the window begins later and the whole log is read.
    pub log_events: Option<i64>,
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
    pub(super) ids_may_repeat: bool,
    /// Whether a row that equals its current row is no event. A poll reads rows again, and the current rows show all
    /// that was read before.
    skips_shown_rows: bool,
    /// Whether rows of a backfill are among the events.
    has_backfill: bool,
    /// Whether the whole typed log is read, for all keys or for a sample of them.
    reads_whole_typed_log: bool,
    /// Whether the scope is [`Scope::NewBatches`]: the events of the batches decide, together with what the marts hold.
    reads_only_new_batches: bool,
    /// Whether events of the batches may be late. `ledger` sets it to true for its own statements.
    pub(super) may_be_late: bool,
    /// Whether the whole typed log of some keys is read. See [`Refresh::rereads_keys`].
    rereads_keys: bool,
    /// Whether the typed log has a truncate.
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
    /// The keys that a statement about all keys works on; `None` for all of them.
    slice: Option<Slice>,
}

impl RefreshContext<'_> {
    /// Whether the service numbers events itself.
    pub(super) fn is_by_content(&self) -> bool {
        self.table.is_by_content
    }

    /// Whether the typed log takes an event or not by other events of its key, or by its current row.
    pub(super) fn compares_events_of_keys(&self, remaking: bool) -> bool {
        self.table.is_by_content || self.has_backfill || (self.skips_shown_rows && !remaking)
    }

    pub(super) fn sliced(self, slice: Slice) -> Self {
        Self {
            slice: slice.restriction(),
            ..self
        }
    }
}

impl Refresh {
    /// Takes the batches of a window, or everything if they begin or truncate the table.
    #[must_use]
    pub fn of(window: Window, landed: Landed, fast_path: bool) -> Self {
        let scope = if window.after_batch == 0 || landed.summary.truncates > 0 {
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
            is_republish: false,
            is_current_complete: false,
            is_history_complete: false,
            bounds: None,
            log_events: None,
        }
    }

    /// Takes everything up to a batch that was published before, or some keys of it.
    #[must_use]
    pub fn again(window: Window, landed: Landed, scope: Scope) -> Self {
        Self {
            window,
            landed,
            scope,
            is_republish: true,
            is_current_complete: false,
            is_history_complete: false,
            bounds: None,
            log_events: None,
        }
    }

    /// The same batches, published with the whole table, which can be built in slices.
    pub async fn widened(&self, target: Target<'_>) -> Result<Self> {
        let whole = Window {
            after_batch: 0,
            ..self.window
        };
        let landed = target.publisher.store.landed_between(target.table, whole);

        Ok(Self {
            scope: Scope::Everything,
            log_events: Some(landed.await?.summary.event_count),
            ..self.clone()
        })
    }

    /// The events that statements about all keys read.
    pub(super) fn events(&self) -> i64 {
        let events = self.log_events.unwrap_or(self.landed.summary.event_count);

        match self.scope {
            Scope::Sample(one_in) => events / i64::from(one_in.max(1)),
            _ => events,
        }
    }

    /// Looks up the bounds of the batches' keys if skipping files may pay: in a mart of many `bytes`, or if the
    /// whole typed log of some keys is read. A type is bounded only if its values read back the same from their text.
    pub async fn bounded(mut self, target: Target<'_>, bytes: i64) -> Result<Self> {
        let first = target.columns.iter().find(|column| column.is_key);
        let reads_by_window = matches!(self.scope, Scope::NewBatches | Scope::TouchedKeys);
        let Some(column) = first.filter(|column| column.can_be_bounded()) else {
            return Ok(self);
        };
        if !reads_by_window
            || self.has_nothing_to_do()
            || (bytes < MIN_MART_BYTES_FOR_BOUNDS && !self.rereads_keys())
        {
            return Ok(self);
        }
        let row: BoundsRow = target
            .publisher
            .row("marts/bounds.sql", self.context(target))
            .await?;
        self.bounds = row
            .low
            .zip(row.high)
            .filter(|(low, high)| low.len() <= MAX_BOUND_BYTES && high.len() <= MAX_BOUND_BYTES)
            .map(|(low, high)| Bounds {
                column: column.clone(),
                low,
                high,
            });

        Ok(self)
    }

    pub(super) fn has_nothing_to_do(&self) -> bool {
        let events = &self.landed.summary;
        let has_none = events.event_count == 0 && events.replayed == 0;

        has_none && !self.is_republish
    }

    /// Whether an event of the batches may be late: before the last one that its key had.
    fn may_be_late(&self) -> bool {
        match self.scope {
            Scope::NewBatches if self.landed.is_by_clock => {
                !self.begins_later() || self.has_backfill()
            }
            Scope::NewBatches => {
                !begins_above(self.landed.summary.first_event, self.landed.highest_event)
            }
            Scope::TouchedKeys | Scope::Keys(_) => true,
            Scope::Everything | Scope::Sample(_) => false,
        }
    }

    /// Whether the whole typed log of some keys is read: the keys that a caller named; under [`Scope::TouchedKeys`] all
    /// keys of the batches; else the keys with an event that is not newer than all before.
    ///
    /// A key is not read again if all its new events have a higher id and a later time than everything before. Its
    /// open version then holds its last state. An equal time (a tie) is not enough: the new event replaces the earlier
    /// one in the same moment, so the version that the earlier one began must go.
    pub(super) fn rereads_keys(&self) -> bool {
        self.may_be_late() || (self.scope == Scope::NewBatches && !self.begins_later())
    }

    /// Whether rows of a backfill are among the events.
    fn has_backfill(&self) -> bool {
        let first = self.landed.summary.first_event;

        first.is_some_and(|first| first < FIRST_AUDIT_ID)
    }

    /// Whether all times of the batches are later than every time before.
    fn begins_later(&self) -> bool {
        let microseconds = |time: Option<Timestamp>| time.map(Timestamp::as_microsecond);

        begins_above(
            microseconds(self.landed.summary.first_time),
            microseconds(self.landed.highest_time),
        )
    }

    pub(super) fn context<'a>(&'a self, target: Target<'a>) -> RefreshContext<'a> {
        let source = &target.definition.source;
        let landed = &self.landed;
        let events = &landed.summary;
        // Under `TouchedKeys` the marts may already hold these batches. The service then does not know their rows before the window.
        let is_highest_known = self.scope != Scope::TouchedKeys;
        let highest_event = landed.highest_event.filter(|_| is_highest_known);
        let highest_time = landed.highest_time.filter(|_| is_highest_known);

        RefreshContext {
            table: target.context(),
            after_batch: self.window.after_batch,
            upto_batch: self.window.upto_batch,
            // Unknown ids leave nothing out: the bounds only spare reading other files of the typed log.
            first_event: events.first_event.unwrap_or(-i64::MAX),
            last_event: events.last_event.unwrap_or(i64::MAX),
            first_time: events.first_time.map(timestamp_text),
            last_time: events.last_time.map(timestamp_text),
            ids_may_repeat: events.ids_may_repeat,
            skips_shown_rows: self.is_current_complete && source.is_read_again(),
            has_backfill: self.has_backfill() && source.table().is_some(),
            reads_whole_typed_log: matches!(self.scope, Scope::Everything | Scope::Sample(_)),
            reads_only_new_batches: self.scope == Scope::NewBatches,
            may_be_late: self.may_be_late(),
            rereads_keys: self.rereads_keys(),
            is_truncated: landed.truncates_ever > 0,
            highest_event: highest_event.unwrap_or(i64::MAX),
            highest_time: timestamp_text(highest_time.unwrap_or(Timestamp::MAX)),
            bounds: self.bounds.as_ref(),
            keys: match &self.scope {
                Scope::Keys(keys) => Some(keys),
                _ => None,
            },
            sample_of: match self.scope {
                Scope::Sample(one_in) if one_in > 1 => Some(one_in),
                _ => None,
            },
            slice: None,
        }
    }
}

/// Whether the batches begin above everything before. Unknown means no: the state database may have been lost
/// while the typed log remained.
fn begins_above(first: Option<i64>, highest: Option<i64>) -> bool {
    first
        .zip(highest)
        .is_some_and(|(first, highest)| first > highest)
}
