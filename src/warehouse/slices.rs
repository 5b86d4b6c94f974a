//! Slices: the keys of a table in parts, so that one statement needs no more memory than a part of the table takes.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Target;
use crate::error::{Error, Result};
use crate::pipeline::{Column, TypeKind};
use crate::state::ExpectedBuild;
use crate::trino::Part;

/// A key's bucket is the upper 16 bits of its hash (`marts/names.sql`). A slice is a range of buckets.
pub(super) const BUCKETS: u32 = 1 << 16;

/// What Trino holds of an event besides its columns: technical columns, positions, hash tables.
const EVENT_BYTES: i64 = 80;
/// The expected length of a text. Slices adapt to what Trino reports.
const TEXT_BYTES: i64 = 40;
const NUMBER_BYTES: i64 = 12;
/// A slice with fewer events is not made smaller because of its memory: reading the table again would cost more.
const MIN_EVENTS: i64 = 100_000;

/// The keys of some buckets, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Slice {
    pub(super) first: u32,
    pub(super) last: u32,
    /// Whether its events are read from the sliced log ([`super::sliced_log`]).
    is_of_sliced_log: bool,
}

/// Cuts the keys of a table into slices, one after the other.
#[derive(Debug, Clone)]
pub struct Slicing {
    /// The events of all keys.
    events: i64,
    /// The bucket that the next slice begins with.
    next: u32,
    /// The buckets of the next slice.
    width: u32,
    done: u32,
    /// Whether the next slices are read from the sliced log.
    pub(super) reads_sliced_log: bool,
}

impl Slice {
    /// All keys.
    pub(super) const ALL: Self = Self {
        first: 0,
        last: BUCKETS - 1,
        is_of_sliced_log: false,
    };

    fn width(self) -> u32 {
        self.last - self.first + 1
    }

    /// The slice as statements take it: `None` for all keys.
    #[must_use]
    pub fn restriction(self) -> Option<Self> {
        (self != Self::ALL).then_some(self)
    }
}

impl Slicing {
    /// Slices of work that may be repeated, by what is known of the columns.
    pub(super) fn expected(target: Target<'_>, events: i64) -> Self {
        Self::of_columns(target.columns, events, target.statement_memory)
    }

    /// As [`Slicing::expected`], for a statement that needs only these columns. `memory` is in bytes.
    #[must_use]
    pub fn of_columns(columns: &[Column], events: i64, memory: u64) -> Self {
        Self::new(events, fitting(columns, memory))
    }

    /// `fitting` is the number of events that one statement takes.
    pub(super) fn new(events: i64, fitting: i64) -> Self {
        Self::resume(events, fitting, 0)
    }

    /// Goes on with bucket `next`.
    pub(super) fn resume(events: i64, fitting: i64, next: u32) -> Self {
        let events = events.max(1);
        let width = i64::from(BUCKETS).saturating_mul(fitting) / events;
        let width = width.clamp(1, BUCKETS.into());
        let width = u32::try_from(width).unwrap_or(BUCKETS);

        Self {
            events,
            next,
            width,
            done: next.div_ceil(width),
            reads_sliced_log: false,
        }
    }

    /// How many slices a build of the history is expected to have.
    #[must_use]
    pub fn expected_slices(columns: &[Column], expected: &ExpectedBuild, memory: u64) -> i64 {
        let fitting = expected.fitting.unwrap_or_else(|| fitting(columns, memory));

        Self::new(expected.events, fitting).part().of.into()
    }

    /// How many events one statement takes, by what is known of the columns.
    pub(super) fn expected_fit(target: Target<'_>) -> i64 {
        fitting(target.columns, target.statement_memory)
    }

    /// Whether one statement takes all events.
    pub(super) fn is_one(&self) -> bool {
        self.slice() == Some(Slice::ALL)
    }

    /// How many events one statement takes, by the last slices.
    pub(super) fn fitting(&self) -> i64 {
        self.events_in(self.width)
    }

    /// The next slice; `None` after the last.
    #[must_use]
    pub fn slice(&self) -> Option<Slice> {
        (self.next < BUCKETS).then(|| Slice {
            first: self.next,
            last: BUCKETS.min(self.next + self.width) - 1,
            is_of_sliced_log: self.reads_sliced_log,
        })
    }

    /// How many slices are left, with the next one.
    pub(super) fn left(&self) -> u32 {
        (BUCKETS - self.next).div_ceil(self.width)
    }

    /// The number of the next slice, and how many are expected.
    pub(super) fn part(&self) -> Part {
        Part {
            number: self.done + 1,
            of: self.done + self.left(),
        }
    }

    /// Goes on behind a slice that is done.
    pub(super) fn advance(&mut self, slice: Slice) {
        self.next = slice.last + 1;
        self.done += 1;
    }

    /// Makes the next slices smaller or larger after a slice that held `peak` bytes of the `allowed` ones.
    pub(super) fn adapt(&mut self, slice: Slice, peak: u64, allowed: u64) {
        let events = self.events_of(slice);
        if peak > allowed && events > 2 * MIN_EVENTS {
            self.width = (slice.width() / 2).max(1);
        } else if peak < allowed / 2 && slice.width() == self.width && events >= MIN_EVENTS {
            self.width = (self.width + self.width / 2).min(BUCKETS);
        }
    }

    /// Takes a quarter of the slice that Trino refused for its memory. False if it cannot be smaller: then one key is too
    /// large.
    pub(super) fn shrink(&mut self, slice: Slice) -> bool {
        self.width = (slice.width() / 4).max(1);

        slice.width() > 1
    }

    /// Goes on behind a slice that is done, and gives what it gave. If Trino refused it for its memory, shrinks it and
    /// gives `None`.
    pub fn ended<T>(&mut self, slice: Slice, end: Result<T>) -> Result<Option<T>> {
        match end {
            Err(error) if error.is_out_of_memory() && self.shrink(slice) => Ok(None),
            Err(error) => Err(error),
            Ok(given) => {
                self.advance(slice);
                Ok(Some(given))
            }
        }
    }

    /// The expected events of a slice.
    pub(super) fn events_of(&self, slice: Slice) -> i64 {
        self.events_in(slice.width())
    }

    fn events_in(&self, width: u32) -> i64 {
        (self.events.saturating_mul(width.into()) / i64::from(BUCKETS)).max(1)
    }
}

/// How many events with these columns fit into so many bytes.
fn fitting(columns: &[Column], memory: u64) -> i64 {
    let bytes: i64 = columns.iter().map(bytes_of).sum();
    let memory = i64::try_from(memory).unwrap_or(i64::MAX);

    (memory / (EVENT_BYTES + bytes)).max(1)
}

fn bytes_of(column: &Column) -> i64 {
    if matches!(column.kind, TypeKind::Varchar | TypeKind::Varbinary) {
        TEXT_BYTES
    } else {
        NUMBER_BYTES
    }
}

/// Runs a statement that answers one row of counts, slice by slice if needed, and adds the counts by column. A count that
/// is null stays null.
pub(super) async fn count<T: DeserializeOwned, C: Serialize>(
    target: Target<'_>,
    events: i64,
    statement: &str,
    context: impl Fn(Slice) -> C,
) -> Result<T> {
    let mut slicing = Slicing::expected(target, events);
    let mut sums = Map::new();
    while let Some(slice) = slicing.slice() {
        let row = target.publisher.row(statement, context(slice)).await;
        if let Some(row) = slicing.ended(slice, row)? {
            add(&mut sums, row).ok_or_else(|| {
                Error::internal(format!("statement `{statement}` answered no counts"))
            })?;
        }
    }

    serde_json::from_value(Value::Object(sums)).map_err(Error::internal)
}

/// Adds counts by column; `None` if one of them is no count.
fn add(sums: &mut Map<String, Value>, row: Map<String, Value>) -> Option<()> {
    for (column, count) in row {
        let sum = sums.remove(&column).unwrap_or(Value::Null);
        sums.insert(column, sum_of(sum, count)?);
    }

    Some(())
}

/// The sum of two counts, or of two lists of counts.
fn sum_of(sum: Value, count: Value) -> Option<Value> {
    match (sum, count) {
        (Value::Null, count) => Some(count),
        (Value::Array(sums), Value::Array(counts)) if sums.len() == counts.len() => sums
            .into_iter()
            .zip(counts)
            .map(|(sum, count)| sum_of(sum, count))
            .collect(),
        (sum, count) => Some(sum.as_i64()?.checked_add(count.as_i64()?)?.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slices(mut slicing: Slicing) -> Vec<Slice> {
        std::iter::from_fn(|| {
            let slice = slicing.slice()?;
            slicing.advance(slice);
            Some(slice)
        })
        .collect()
    }

    #[test]
    fn slices_hold_every_bucket_once() {
        for (events, fitting) in [(1, 1), (10, 3), (1_000_000, 7), (i64::MAX, 1)] {
            let slices = slices(Slicing::new(events, fitting));
            assert_eq!(slices[0].first, 0);
            assert_eq!(slices[slices.len() - 1].last, BUCKETS - 1);
            assert!(slices.windows(2).all(|two| two[0].last + 1 == two[1].first));
        }
    }

    #[test]
    fn a_slice_that_needs_too_much_memory_makes_the_next_ones_smaller() {
        let mut slicing = Slicing::new(8_000_000, 4_000_000);
        let first = slicing.slice().expect("the first slice");
        assert_eq!(slicing.part(), Part { number: 1, of: 2 });
        slicing.adapt(first, 900, 500);
        slicing.advance(first);
        assert_eq!(slicing.part(), Part { number: 2, of: 3 });
    }

    #[test]
    fn a_refused_slice_shrinks_until_it_is_one_bucket() {
        let mut slicing = Slicing::new(1_000, 500);
        let mut refusals = 1;
        while slicing.shrink(slicing.slice().expect("a slice")) {
            refusals += 1;
        }
        assert_eq!(refusals, 9);
        let first_bucket = Slice {
            last: 0,
            ..Slice::ALL
        };
        assert_eq!(slicing.slice(), Some(first_bucket));
    }

    #[test]
    fn a_build_goes_on_where_it_was() {
        let mut slicing = Slicing::new(1_000, 100);
        for _ in 0..3 {
            let slice = slicing.slice().expect("a slice");
            slicing.advance(slice);
        }
        let resumed = Slicing::resume(1_000, 100, slicing.next);
        assert_eq!(resumed.part(), slicing.part());
        assert_eq!(resumed.slice(), slicing.slice());
    }

    #[test]
    fn counts_are_added_and_missing_ones_stay_missing() {
        let row = |text: &str| serde_json::from_str(text).expect("an object");
        let mut sums = Map::new();
        add(
            &mut sums,
            row(r#"{"rows": 1, "ended": null, "failures": [0, 2]}"#),
        )
        .expect("counts");
        add(
            &mut sums,
            row(r#"{"rows": 2, "ended": null, "failures": [1, 2]}"#),
        )
        .expect("counts");
        assert_eq!(
            sums,
            row(r#"{"rows": 3, "ended": null, "failures": [1, 4]}"#)
        );
    }
}
