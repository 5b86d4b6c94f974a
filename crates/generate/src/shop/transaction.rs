//! The plan of one transaction: its writes are chosen before it begins.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::{Error, IsolationLevel};

use super::database::Session;
use super::ids::ShopIds;
use super::write::{Write, WriteOutcome};
use super::write_kind::WriteKind;
use crate::random::Random;
use crate::weights::Weights;

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

pub(super) struct TransactionPlan {
    isolation: IsolationLevel,
    writes: Vec<PlannedWrite>,
    commits: bool,
}

struct PlannedWrite {
    /// Waited for before it is sent.
    pause: Option<Duration>,
    savepoint: Savepoint,
    write: Write,
}

/// Whether a statement has a savepoint of its own, and how that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Savepoint {
    None,
    Released,
    RolledBack,
}

#[derive(Default)]
pub(super) struct TransactionOutcome {
    pub(super) committed: WriteOutcome,
    pub(super) rolled_back: WriteOutcome,
}

/// Draws how many events a transaction should have: mostly few.
pub(super) fn size(random: &mut Random) -> u64 {
    match random.within(0..20) {
        0 => random.within(20..=60),
        1..=5 => random.within(5..=12),
        _ => random.within(1..=4),
    }
}

impl TransactionPlan {
    /// Plans a transaction that commits at most `events` events.
    pub(super) fn draw(events: u64, weights: &Weights, random: &mut Random, ids: &ShopIds) -> Self {
        let mut writes = Vec::new();
        let mut left = events;
        while left > 0 {
            let (write, events) = PlannedWrite::draw(left, weights, random, ids);
            left -= events;
            writes.push(write);
        }
        if !random.one_in(CARELESS) {
            writes.sort_by_key(|planned| planned.write.place());
        }
        Self {
            isolation: if random.one_in(REPEATABLE_READ) {
                IsolationLevel::RepeatableRead
            } else {
                IsolationLevel::ReadCommitted
            },
            writes,
            commits: !random.one_in(ROLLED_BACK),
        }
    }

    pub(super) async fn attempt(
        &self,
        Session { client, statements }: &mut Session,
    ) -> Result<TransactionOutcome, Error> {
        let mut outcome = TransactionOutcome::default();
        let mut transaction = client
            .build_transaction()
            .isolation_level(self.isolation)
            .start()
            .await?;
        for planned in &self.writes {
            if let Some(pause) = planned.pause {
                sleep(pause).await;
            }
            let write = &planned.write;
            match planned.savepoint {
                Savepoint::None => {
                    outcome.committed += write.send(&transaction, statements).await?;
                }
                Savepoint::Released => {
                    let inner = transaction.savepoint("kept").await?;
                    outcome.committed += write.send(&inner, statements).await?;
                    inner.commit().await?;
                }
                Savepoint::RolledBack => {
                    let inner = transaction.savepoint("dropped").await?;
                    outcome.rolled_back += write.send(&inner, statements).await?;
                    inner.rollback().await?;
                }
            }
        }
        if self.commits {
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
            outcome.rolled_back += std::mem::take(&mut outcome.committed);
        }

        Ok(outcome)
    }
}

impl PlannedWrite {
    /// Plans a statement, and says how many events it may commit: at most `left`.
    fn draw(left: u64, weights: &Weights, random: &mut Random, ids: &ShopIds) -> (Self, u64) {
        let mut kind = WriteKind::draw(weights, random);
        if ids.customers.is_empty() {
            kind = WriteKind::InsertCustomers;
        } else if ids.orders.is_empty() {
            kind = WriteKind::InsertOrders;
        }
        let savepoint = match random.within(0..2 * IN_SAVEPOINT) {
            0 => Savepoint::Released,
            1 => Savepoint::RolledBack,
            _ => Savepoint::None,
        };
        if savepoint != Savepoint::RolledBack && kind.events_per_row() > left {
            kind = WriteKind::UpdateOrders;
        }
        let rows: u64 = if random.one_in(SEVERAL_ROWS) {
            random.within(2..=6)
        } else {
            1
        };
        let rows = rows.min(left / kind.events_per_row()).max(1);
        let pause = random
            .one_in(PAUSED)
            .then(|| Duration::from_millis(random.within(PAUSE_MS)));
        let write = Write::draw(kind, usize::try_from(rows).unwrap_or(1), random, ids);
        let events = match savepoint {
            Savepoint::RolledBack => 0,
            _ => rows * kind.events_per_row(),
        };
        let planned = Self {
            pause,
            savepoint,
            write,
        };

        (planned, events)
    }
}
