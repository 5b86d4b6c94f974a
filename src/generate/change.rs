//! One change: a statement, and the rows it writes. Whether it writes one row or ten thousand is the same to it.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicI64, Ordering};

use rand::RngExt;
use rand::rngs::StdRng;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, GenericClient, Statement};

use super::customers::{CustomerUpdates, NewCustomers};
use super::orders::{NewOrders, OrderUpdates};
use super::workload::Kind;

/// One look-up in this many goes for the newest rows, where writers meet.
const HOT: u32 = 8;
/// How many the newest rows are.
const NEWEST: i64 = 60;
/// Statements of fewer rows look for them.
const FEW: usize = 10;

/// The ids that there are or were, in one table. A random point between them and the index find a row, so nothing is kept.
pub(super) struct Ids {
    lowest: i64,
    highest: AtomicI64,
}

/// The ids of both tables.
pub(super) struct Shop {
    pub(super) customers: Ids,
    pub(super) orders: Ids,
}

/// One statement and its rows.
pub(super) struct Change {
    kind: Kind,
    rows: Rows,
}

enum Rows {
    NewCustomers(NewCustomers),
    CustomerUpdates(CustomerUpdates),
    NewOrders(NewOrders),
    OrderUpdates(OrderUpdates),
    Points(Vec<i64>),
}

/// What changes did, in events of the log.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) inserts: u64,
    pub(super) updates: u64,
    pub(super) deletes: u64,
    pub(super) rekeyed: u64,
    /// The highest ids seen; 0 where none was.
    highest_customer: i64,
    highest_order: i64,
}

impl Ids {
    pub(super) fn new(lowest: Option<i64>, highest: Option<i64>) -> Self {
        Self {
            lowest: lowest.unwrap_or(1),
            highest: AtomicI64::new(highest.unwrap_or(0)),
        }
    }

    fn highest(&self) -> i64 {
        self.highest.load(Ordering::Relaxed)
    }

    /// Whether there never was a row.
    pub(super) fn is_empty(&self) -> bool {
        self.highest() < self.lowest
    }

    /// Points at which to look for rows.
    fn points(&self, rng: &mut StdRng, rows: usize) -> Vec<i64> {
        let highest = self.highest().max(self.lowest);
        let newest = self.lowest.max(highest - NEWEST);
        // A statement of many rows would find the newest ones again and again.
        let few = rows < FEW;
        let mut point = |_| {
            let hot = few && rng.random_ratio(1, HOT);
            rng.random_range(if hot { newest } else { self.lowest }..=highest)
        };
        (0..rows).map(&mut point).collect()
    }
}

impl Shop {
    /// A number that differs after every insert, so that a second run with one seed does not write the first one's rows again.
    pub(super) fn age(&self) -> u64 {
        self.customers
            .highest()
            .wrapping_add(self.orders.highest())
            .unsigned_abs()
    }

    /// Remembers ids that were committed.
    pub(super) fn saw(&self, done: &Done) {
        self.customers
            .highest
            .fetch_max(done.highest_customer, Ordering::Relaxed);
        self.orders
            .highest
            .fetch_max(done.highest_order, Ordering::Relaxed);
    }
}

impl Change {
    /// Makes the rows of a change.
    pub(super) fn make(kind: Kind, rows: usize, rng: &mut StdRng, shop: &Shop) -> Self {
        let numbers =
            |ids: &Ids| ids.highest()..ids.highest() + i64::try_from(rows).unwrap_or(i64::MAX);
        let rows = match kind {
            Kind::InsertCustomers => {
                let mut new = NewCustomers::default();
                numbers(&shop.customers).for_each(|number| new.push(rng, number));
                Rows::NewCustomers(new)
            }
            Kind::InsertOrders => {
                let mut new = NewOrders::default();
                let customers = shop.customers.points(rng, rows);
                for (number, customer) in numbers(&shop.orders).zip(customers) {
                    new.push(rng, number, customer);
                }
                Rows::NewOrders(new)
            }
            Kind::UpdateCustomers => {
                let mut updates = CustomerUpdates::default();
                for point in shop.customers.points(rng, rows) {
                    updates.push(rng, point);
                }
                Rows::CustomerUpdates(updates)
            }
            Kind::UpdateOrders => {
                let mut updates = OrderUpdates::default();
                for point in shop.orders.points(rng, rows) {
                    updates.push(rng, point);
                }
                Rows::OrderUpdates(updates)
            }
            Kind::DeleteCustomers => Rows::Points(shop.customers.points(rng, rows)),
            Kind::DeleteOrders | Kind::RekeyOrders => Rows::Points(shop.orders.points(rng, rows)),
        };
        Self { kind, rows }
    }

    /// Where it comes in a transaction that locks rows in order: by table and point, and new rows, which nobody can lock, first.
    pub(super) fn place(&self) -> (bool, Option<i64>) {
        let point = match &self.rows {
            Rows::NewCustomers(_) | Rows::NewOrders(_) => None,
            Rows::CustomerUpdates(rows) => rows.point.iter().min().copied(),
            Rows::OrderUpdates(rows) => rows.point.iter().min().copied(),
            Rows::Points(points) => points.iter().min().copied(),
        };
        (self.kind.is_of_orders(), point)
    }

    /// Writes it.
    pub(super) async fn apply(
        &self,
        client: &impl GenericClient,
        statements: &[Statement],
    ) -> Result<Done, Error> {
        let points: [&(dyn ToSql + Sync); 1];
        let parameters = match &self.rows {
            Rows::NewCustomers(rows) => rows.parameters(),
            Rows::CustomerUpdates(rows) => rows.parameters(),
            Rows::NewOrders(rows) => rows.parameters(),
            Rows::OrderUpdates(rows) => rows.parameters(),
            Rows::Points(rows) => {
                points = [rows];
                points.to_vec()
            }
        };
        let answer = client
            .query_one(&statements[self.kind as usize], &parameters)
            .await?;
        let rows: i64 = answer.try_get(0)?;
        let highest: Option<i64> = answer.try_get(1)?;
        Ok(Done::of(
            self.kind,
            rows.unsigned_abs(),
            highest.unwrap_or(0),
        ))
    }
}

impl Done {
    fn of(kind: Kind, rows: u64, highest: i64) -> Self {
        let mut done = Self::default();
        match kind {
            Kind::InsertCustomers | Kind::InsertOrders => done.inserts = rows,
            Kind::UpdateCustomers | Kind::UpdateOrders => done.updates = rows,
            Kind::DeleteCustomers | Kind::DeleteOrders => done.deletes = rows,
            Kind::RekeyOrders => (done.inserts, done.deletes, done.rekeyed) = (rows, rows, rows),
        }
        if kind.is_of_orders() {
            done.highest_order = highest;
        } else {
            done.highest_customer = highest;
        }
        done
    }

    /// How many events these are.
    pub(super) fn events(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }
}

impl AddAssign for Done {
    fn add_assign(&mut self, other: Self) {
        self.inserts += other.inserts;
        self.updates += other.updates;
        self.deletes += other.deletes;
        self.rekeyed += other.rekeyed;
        self.highest_customer = self.highest_customer.max(other.highest_customer);
        self.highest_order = self.highest_order.max(other.highest_order);
    }
}
