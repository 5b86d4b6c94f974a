//! Where rows can be found without keeping their ids.

use std::sync::atomic::{AtomicI64, Ordering};

use super::write::WriteOutcome;
use crate::random::Random;

/// One look-up in this many looks for the newest rows, so that writers meet.
const HOT: u32 = 8;
/// How many the newest rows are.
const NEWEST: i64 = 60;
/// A statement of more rows would find the newest ones again and again.
const FEW_ROWS: usize = 10;

/// The ids of both tables.
pub(super) struct ShopIds {
    pub(super) customers: IdRange,
    pub(super) orders: IdRange,
}

/// The ids that there are or were in one table. A random point between them, and the index, find a row.
pub(super) struct IdRange {
    lowest: i64,
    highest: AtomicI64,
}

impl ShopIds {
    /// A number that differs after every insert.
    pub(super) fn age(&self) -> u64 {
        self.customers
            .highest()
            .wrapping_add(self.orders.highest())
            .unsigned_abs()
    }

    /// Remembers ids that were committed.
    pub(super) fn saw(&self, outcome: &WriteOutcome) {
        self.customers
            .highest
            .fetch_max(outcome.highest_customer, Ordering::Relaxed);
        self.orders
            .highest
            .fetch_max(outcome.highest_order, Ordering::Relaxed);
    }
}

impl IdRange {
    pub(super) fn new(lowest: Option<i64>, highest: Option<i64>) -> Self {
        Self {
            lowest: lowest.unwrap_or(1),
            highest: AtomicI64::new(highest.unwrap_or(0)),
        }
    }

    /// Whether there never was a row.
    pub(super) fn is_empty(&self) -> bool {
        self.highest() < self.lowest
    }

    /// About the ids that the next rows will get, less one.
    pub(super) fn next_numbers(&self, rows: usize) -> impl Iterator<Item = i64> {
        (self.highest()..).take(rows)
    }

    /// Points at which to look for rows.
    pub(super) fn points(&self, random: &mut Random, rows: usize) -> Vec<i64> {
        let highest = self.highest().max(self.lowest);
        let newest = self.lowest.max(highest - NEWEST);
        let mut point = || {
            let is_hot = rows < FEW_ROWS && random.one_in(HOT);
            random.within(if is_hot { newest } else { self.lowest }..=highest)
        };
        (0..rows).map(|_| point()).collect()
    }

    fn highest(&self) -> i64 {
        self.highest.load(Ordering::Relaxed)
    }
}
