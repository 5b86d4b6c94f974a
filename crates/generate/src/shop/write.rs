//! One statement, and the rows it writes: one or ten thousand.

use std::ops::AddAssign;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, GenericClient};

use super::customers::{CustomerUpdates, NewCustomers};
use super::database::WriteStatements;
use super::ids::ShopIds;
use super::orders::{NewOrders, OrderUpdates};
use super::summary::EventCounts;
use super::write_kind::WriteKind;
use crate::random::Random;

/// A statement with its rows, not yet sent.
pub(super) struct Write {
    kind: WriteKind,
    /// The lowest point at which it looks for rows; none where it inserts.
    lowest_point: Option<i64>,
    rows: Box<dyn Parameters>,
}

/// What writes did.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct WriteOutcome {
    pub(super) events: EventCounts,
    /// The highest ids seen; 0 where none was.
    pub(super) highest_customer: i64,
    pub(super) highest_order: i64,
}

/// The values of a statement: a list for each of its parameters.
pub(super) trait Parameters: Send + Sync {
    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)>;
}

/// The points at which rows are looked for.
impl Parameters for Vec<i64> {
    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![self]
    }
}

impl Write {
    pub(super) fn draw(kind: WriteKind, rows: usize, random: &mut Random, ids: &ShopIds) -> Self {
        let existing = if kind.is_of_orders() {
            &ids.orders
        } else {
            &ids.customers
        };
        if let WriteKind::InsertCustomers | WriteKind::InsertOrders = kind {
            let numbers = existing.next_numbers(rows);
            let rows: Box<dyn Parameters> = if kind == WriteKind::InsertCustomers {
                Box::new(NewCustomers::draw(random, numbers))
            } else {
                let customers = ids.customers.points(random, rows);
                Box::new(NewOrders::draw(random, numbers.zip(customers)))
            };
            return Self {
                kind,
                lowest_point: None,
                rows,
            };
        }
        let points = existing.points(random, rows);
        Self {
            kind,
            lowest_point: points.iter().min().copied(),
            rows: match kind {
                WriteKind::UpdateCustomers => Box::new(CustomerUpdates::draw(random, points)),
                WriteKind::UpdateOrders => Box::new(OrderUpdates::draw(random, points)),
                _ => Box::new(points),
            },
        }
    }

    /// Its place in a transaction that locks rows in order: by table and point. New rows, which nobody can lock, come first.
    pub(super) fn place(&self) -> (bool, Option<i64>) {
        (self.kind.is_of_orders(), self.lowest_point)
    }

    pub(super) async fn send(
        &self,
        client: &impl GenericClient,
        statements: &WriteStatements,
    ) -> Result<WriteOutcome, Error> {
        let answer = client
            .query_one(statements.of(self.kind), &self.rows.parameters())
            .await?;
        let rows: i64 = answer.try_get("rows")?;
        let highest: Option<i64> = answer.try_get("highest_id")?;

        Ok(WriteOutcome::of(
            self.kind,
            rows.unsigned_abs(),
            highest.unwrap_or(0),
        ))
    }
}

impl WriteOutcome {
    fn of(kind: WriteKind, rows: u64, highest_id: i64) -> Self {
        let mut outcome = Self::default();
        let events = &mut outcome.events;
        match kind {
            WriteKind::InsertCustomers | WriteKind::InsertOrders => events.inserts = rows,
            WriteKind::UpdateCustomers | WriteKind::UpdateOrders => events.updates = rows,
            WriteKind::DeleteCustomers | WriteKind::DeleteOrders => events.deletes = rows,
            WriteKind::RekeyOrders => {
                (events.inserts, events.deletes, events.changed_keys) = (rows, rows, rows);
            }
        }
        if kind.is_of_orders() {
            outcome.highest_order = highest_id;
        } else {
            outcome.highest_customer = highest_id;
        }
        outcome
    }
}

impl AddAssign for WriteOutcome {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.highest_customer = self.highest_customer.max(other.highest_customer);
        self.highest_order = self.highest_order.max(other.highest_order);
    }
}
