//! What a run of the shop's writers committed.

use std::fmt;
use std::ops::AddAssign;

use indicatif::{HumanCount, HumanFloatCount};

use crate::progress::Progress;

/// Events that the log has more than before.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct EventCounts {
    /// Those of changed keys included.
    pub inserts: u64,
    pub updates: u64,
    /// Those of changed keys included.
    pub deletes: u64,
    /// Orders that got another key: a delete and an insert each.
    pub changed_keys: u64,
}

/// What a run wrote. Displayed as one line.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct ShopSummary {
    pub committed: EventCounts,
    /// Events that were written and rolled back, on purpose.
    pub rolled_back: u64,
    /// Transactions that lost against others, by deadlock or serialization, and were retried.
    pub retried: u64,
    pub seconds: f64,
}

impl EventCounts {
    #[must_use]
    pub fn total(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }
}

impl AddAssign for EventCounts {
    fn add_assign(&mut self, other: Self) {
        self.inserts += other.inserts;
        self.updates += other.updates;
        self.deletes += other.deletes;
        self.changed_keys += other.changed_keys;
    }
}

impl ShopSummary {
    fn per_second(&self) -> String {
        #[expect(
            clippy::cast_precision_loss,
            reason = "nobody reads more than five digits of it"
        )]
        let events = self.committed.total() as f64;
        format!(
            "{}/s",
            HumanFloatCount((events / self.seconds.max(0.001)).round())
        )
    }
}

impl Progress for ShopSummary {
    const UNIT: &str = "events";

    fn count(&self) -> u64 {
        self.committed.total()
    }

    fn details(&self) -> String {
        self.per_second()
    }
}

impl fmt::Display for ShopSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} events in {:.1} s ({}): {} inserts, {} updates, {} deletes; {} keys changed, {} events rolled back, {} transactions retried",
            HumanCount(self.committed.total()),
            self.seconds,
            self.per_second(),
            HumanCount(self.committed.inserts),
            HumanCount(self.committed.updates),
            HumanCount(self.committed.deletes),
            HumanCount(self.committed.changed_keys),
            HumanCount(self.rolled_back),
            HumanCount(self.retried),
        )
    }
}
