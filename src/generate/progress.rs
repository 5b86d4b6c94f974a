//! Counts what is committed.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{HumanCount, HumanFloatCount};
use tokio::time::Instant;

use super::change::Done;

/// What the writers committed so far.
pub(super) struct Progress {
    start: Instant,
    inserts: AtomicU64,
    updates: AtomicU64,
    deletes: AtomicU64,
    rekeyed: AtomicU64,
    rolled_back: AtomicU64,
    retried: AtomicU64,
}

/// What a run wrote, in events: what the log has more than before. Displayed as one line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Events `I`, those of changed keys included.
    pub inserts: u64,
    /// Events `U`.
    pub updates: u64,
    /// Events `D`, those of changed keys included.
    pub deletes: u64,
    /// Orders that got another key: a delete and an insert each.
    pub changed_keys: u64,
    /// Events that were written and rolled back, on purpose.
    pub rolled_back: u64,
    /// Transactions that lost against others, by deadlock or serialization, and were done again.
    pub retried: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self {
            start: Instant::now(),
            inserts: AtomicU64::new(0),
            updates: AtomicU64::new(0),
            deletes: AtomicU64::new(0),
            rekeyed: AtomicU64::new(0),
            rolled_back: AtomicU64::new(0),
            retried: AtomicU64::new(0),
        }
    }

    pub(super) fn add(&self, done: &Done, rolled_back: u64) {
        self.inserts.fetch_add(done.inserts, Ordering::Relaxed);
        self.updates.fetch_add(done.updates, Ordering::Relaxed);
        self.deletes.fetch_add(done.deletes, Ordering::Relaxed);
        self.rekeyed.fetch_add(done.rekeyed, Ordering::Relaxed);
        self.rolled_back.fetch_add(rolled_back, Ordering::Relaxed);
    }

    pub(super) fn retried(&self) {
        self.retried.fetch_add(1, Ordering::Relaxed);
    }

    /// How many events were committed, and how fast.
    pub(super) fn told(&self) -> (u64, String) {
        let summary = self.summary();
        let speed = format!("{}/s", HumanFloatCount(summary.per_second().round()));
        (summary.events(), speed)
    }

    pub(super) fn summary(&self) -> Summary {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Summary {
            inserts: count(&self.inserts),
            updates: count(&self.updates),
            deletes: count(&self.deletes),
            changed_keys: count(&self.rekeyed),
            rolled_back: count(&self.rolled_back),
            retried: count(&self.retried),
            seconds: self.start.elapsed().as_secs_f64(),
        }
    }
}

impl Summary {
    /// How many events the log has more than before.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "nobody reads more than five digits of it"
    )]
    fn per_second(&self) -> f64 {
        self.events() as f64 / self.seconds.max(0.001)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} events in {:.1} s ({}/s): {} inserts, {} updates, {} deletes; {} keys changed, {} events rolled back, {} transactions retried",
            HumanCount(self.events()),
            self.seconds,
            HumanFloatCount(self.per_second().round()),
            HumanCount(self.inserts),
            HumanCount(self.updates),
            HumanCount(self.deletes),
            HumanCount(self.changed_keys),
            HumanCount(self.rolled_back),
            HumanCount(self.retried),
        )
    }
}
