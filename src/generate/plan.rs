//! What one transaction does, decided beforehand, so that it can be done again when it lost against another.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio_postgres::IsolationLevel;

use super::change::{Change, Shop};
use super::workload::{Kind, Weights};

/// One statement in this many is a savepoint's: half of them are kept, half are rolled back.
const IN_SAVEPOINT: u32 = 10;
/// One statement in this many writes several rows.
const SEVERAL_ROWS: u32 = 12;
/// One statement in this many waits, so that transactions commit in another order than they wrote.
const PAUSED: u32 = 500;
const PAUSE_MS: RangeInclusive<u64> = 20..=250;
/// One transaction in this many is rolled back.
const ROLLED_BACK: u32 = 25;
/// One transaction in this many is `repeatable read`, which refuses to write what another has changed.
const REPEATABLE_READ: u32 = 20;

/// One transaction in this many locks rows in no order, as careless programs do; two of them may deadlock, which costs a second.
const CARELESS: u32 = 30;

/// A transaction.
pub(super) struct Plan {
    pub(super) isolation: IsolationLevel,
    pub(super) steps: Vec<Step>,
    pub(super) commits: bool,
}

/// A statement of it.
pub(super) struct Step {
    pub(super) pause: Option<Duration>,
    pub(super) savepoint: Savepoint,
    pub(super) change: Change,
}

/// Whether a statement has a savepoint of its own, and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Savepoint {
    None,
    Released,
    RolledBack,
}

/// How many events a transaction should have: mostly few.
pub(super) fn size(rng: &mut StdRng) -> u64 {
    match rng.random_range(0..20) {
        0 => rng.random_range(20..=60),
        1..=5 => rng.random_range(5..=12),
        _ => rng.random_range(1..=4),
    }
}

impl Plan {
    /// Plans a transaction that commits at most so many events.
    pub(super) fn make(events: u64, weights: &Weights, rng: &mut StdRng, shop: &Shop) -> Self {
        let mut steps = Vec::new();
        let mut left = events;
        while left > 0 {
            let (step, counted) = Step::make(left, weights, rng, shop);
            left -= counted;
            steps.push(step);
        }
        if !rng.random_ratio(1, CARELESS) {
            steps.sort_by_key(|step| step.change.place());
        }
        Self {
            isolation: if rng.random_ratio(1, REPEATABLE_READ) {
                IsolationLevel::RepeatableRead
            } else {
                IsolationLevel::ReadCommitted
            },
            steps,
            commits: !rng.random_ratio(1, ROLLED_BACK),
        }
    }
}

impl Step {
    /// Plans a statement, and tells how many events it may commit.
    fn make(left: u64, weights: &Weights, rng: &mut StdRng, shop: &Shop) -> (Self, u64) {
        let mut kind = weights.draw(rng);
        if shop.customers.is_empty() {
            kind = Kind::InsertCustomers;
        } else if shop.orders.is_empty() {
            kind = Kind::InsertOrders;
        }
        let savepoint = match rng.random_range(0..2 * IN_SAVEPOINT) {
            0 => Savepoint::Released,
            1 => Savepoint::RolledBack,
            _ => Savepoint::None,
        };
        if savepoint != Savepoint::RolledBack && kind.events_per_row() > left {
            kind = Kind::UpdateOrders;
        }
        let rows = if rng.random_ratio(1, SEVERAL_ROWS) {
            rng.random_range(2..=6)
        } else {
            1
        };
        let rows = rows.min(left / kind.events_per_row()).max(1);
        let step = Self {
            pause: rng
                .random_ratio(1, PAUSED)
                .then(|| Duration::from_millis(rng.random_range(PAUSE_MS))),
            savepoint,
            change: Change::make(kind, usize::try_from(rows).unwrap_or(1), rng, shop),
        };
        let counted = if savepoint == Savepoint::RolledBack {
            0
        } else {
            rows * kind.events_per_row()
        };
        (step, counted)
    }
}
