//! One statement, and the rows it writes: one or ten thousand.

use std::ops::AddAssign;

use serde_json::Value;
use tokio_postgres::{Error, GenericClient};

use super::database::WriteStatements;
use super::ids::ShopIds;
use super::rows;
use super::summary::EventCounts;
use super::write_kind::WriteKind;
use crate::random::Random;

/// A statement with its rows, not yet sent.
pub(super) struct Write {
    kind: WriteKind,
    /// The lowest point at which it looks for rows; `None` if it inserts.
    lowest_point: Option<i64>,
    /// A JSON array: the statement's parameter.
    rows: Value,
}

/// What writes did.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct WriteOutcome {
    pub(super) events: EventCounts,
    /// The highest ids seen; 0 if it saw none.
    pub(super) highest_customer: i64,
    pub(super) highest_order: i64,
}

impl Write {
    pub(super) fn draw(kind: WriteKind, count: usize, random: &mut Random, ids: &ShopIds) -> Self {
        let existing = if kind.is_of_orders() {
            &ids.orders
        } else {
            &ids.customers
        };
        let mut lowest_point = None;
        let mut at_points = |random: &mut Random, row: fn(&mut Random, i64) -> Value| {
            let points = existing.points(random, count);
            lowest_point = points.iter().min().copied();
            points.into_iter().map(|point| row(random, point)).collect()
        };
        let rows = match kind {
            WriteKind::InsertCustomers => existing
                .next_numbers(count)
                .map(|number| rows::new_customer(random, number))
                .collect(),
            WriteKind::InsertOrders => ids
                .customers
                .points(random, count)
                .into_iter()
                .zip(existing.next_numbers(count))
                .map(|(customer, number)| rows::new_order(random, number, customer))
                .collect(),
            WriteKind::UpdateCustomers => at_points(random, rows::customer_update),
            WriteKind::UpdateOrders => at_points(random, rows::order_update),
            WriteKind::DeleteCustomers | WriteKind::DeleteOrders | WriteKind::RekeyOrders => {
                at_points(random, rows::point)
            }
        };
        Self {
            kind,
            lowest_point,
            rows,
        }
    }

    /// Its place in a transaction that locks rows in order: by table and point. New rows come first, because no other
    /// transaction can lock them.
    pub(super) fn place(&self) -> (bool, Option<i64>) {
        (self.kind.is_of_orders(), self.lowest_point)
    }

    pub(super) async fn send(
        &self,
        client: &impl GenericClient,
        statements: &WriteStatements,
    ) -> Result<WriteOutcome, Error> {
        let answer = client
            .query_one(statements.of(self.kind), &[&self.rows])
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
