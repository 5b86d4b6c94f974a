//! Made orders, as the columns of one statement.

use jiff::Timestamp;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio_postgres::types::ToSql;

use super::words;

const STATUSES: [&str; 6] = ["new", "paid", "packed", "shipped", "delivered", "returned"];
/// 2024-01-01T00:00:00Z, when the first order came, in microseconds.
const OPENING: i64 = 1_704_067_200_000_000;
/// Orders come every 20 s, so that a batch touches few days …
const BETWEEN_ORDERS: i64 = 20_000_000;
/// … and after two years the dates begin again, so that none lies in the future.
pub(super) const YEARS: i64 = 730 * 86_400_000_000;
/// The largest `numeric(18, 2)`, in hundredths.
const LARGEST_SUM: i64 = 999_999_999_999_999_999;
/// One number in this many is at the edge of its type.
const ODD: u32 = 200;

/// The values of `insert_orders.sql`, a list for each of its parameters.
#[derive(Default)]
pub(super) struct NewOrders {
    customer_id: Vec<i64>,
    status: Vec<&'static str>,
    order_sum: Vec<String>,
    discount: Vec<Option<String>>,
    quantity: Vec<i32>,
    weight_kg: Vec<Option<f64>>,
    express: Vec<bool>,
    description: Vec<Option<String>>,
    attributes: Vec<Option<Value>>,
    order_timestamp: Vec<Timestamp>,
}

/// The values of `update_orders.sql`; `None` keeps what is there, but for a description with `described`.
#[derive(Default)]
pub(super) struct OrderUpdates {
    /// At or above which the row is.
    pub(super) point: Vec<i64>,
    status: Vec<Option<&'static str>>,
    order_sum: Vec<Option<String>>,
    quantity: Vec<Option<i32>>,
    attributes: Vec<Option<Value>>,
    described: Vec<bool>,
    description: Vec<Option<String>>,
}

impl NewOrders {
    /// Adds the order that will be about the `number`th, of a customer that there is or was.
    pub(super) fn push(&mut self, rng: &mut StdRng, number: i64, customer: i64) {
        self.customer_id.push(customer);
        self.status.push("new");
        self.order_sum.push(sum(rng));
        self.discount.push(discount(rng));
        self.quantity.push(quantity(rng));
        self.weight_kg.push(weight(rng));
        self.express.push(rng.random_ratio(1, 4));
        self.description.push(words::remark(rng));
        self.attributes.push(words::attributes(rng));
        self.order_timestamp.push(moment(rng, number));
    }

    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.customer_id,
            &self.status,
            &self.order_sum,
            &self.discount,
            &self.quantity,
            &self.weight_kg,
            &self.express,
            &self.description,
            &self.attributes,
            &self.order_timestamp,
        ]
    }
}

impl OrderUpdates {
    /// Adds an update of the first order at or above a point.
    pub(super) fn push(&mut self, rng: &mut StdRng, point: i64) {
        let changed = rng.random_range(0..20);
        let summed = (12..15).contains(&changed);
        let described = (15..18).contains(&changed);
        self.point.push(point);
        self.status
            .push((changed < 13).then(|| words::pick(rng, &STATUSES)));
        self.order_sum.push(summed.then(|| sum(rng)));
        self.quantity.push(summed.then(|| quantity(rng)));
        // The last one in twenty changes nothing.
        self.attributes
            .push((changed == 18).then(|| words::attributes(rng)).flatten());
        self.described.push(described);
        self.description
            .push(described.then(|| words::remark(rng)).flatten());
    }

    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.point,
            &self.status,
            &self.order_sum,
            &self.quantity,
            &self.attributes,
            &self.described,
            &self.description,
        ]
    }
}

/// When the `number`th order came, up to an hour late, to the microsecond.
pub(super) fn moment(rng: &mut StdRng, number: i64) -> Timestamp {
    let since = number.saturating_mul(BETWEEN_ORDERS).rem_euclid(YEARS);
    let late = rng.random_range(0..3_600_000_000);
    since_opening(since + late)
}

/// So many microseconds after the shop opened.
pub(super) fn since_opening(microseconds: i64) -> Timestamp {
    // What is meant is within a century of 2024, far within what a timestamp holds.
    Timestamp::from_microsecond(OPENING.saturating_add(microseconds))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

fn sum(rng: &mut StdRng) -> String {
    let hundredths = if rng.random_ratio(1, ODD) {
        words::pick(rng, &[0, 1, -1, -9_999, LARGEST_SUM, -LARGEST_SUM])
    } else {
        rng.random_range(1..50_000)
    };
    let sign = if hundredths < 0 { "-" } else { "" };
    format!(
        "{sign}{}.{:02}",
        (hundredths / 100).abs(),
        (hundredths % 100).abs()
    )
}

fn discount(rng: &mut StdRng) -> Option<String> {
    let some = rng.random_ratio(1, 3);
    some.then(|| format!("0.{:04}", rng.random_range(0..5_000)))
}

fn quantity(rng: &mut StdRng) -> i32 {
    if rng.random_ratio(1, ODD) {
        return words::pick(rng, &[0, i32::MAX, i32::MIN]);
    }
    rng.random_range(1..20)
}

fn weight(rng: &mut StdRng) -> Option<f64> {
    if rng.random_ratio(1, 4) {
        return None;
    }
    if rng.random_ratio(1, ODD) {
        return Some(words::pick(
            rng,
            &[
                0.0,
                0.1 + 0.2,
                1e-7,
                1e22,
                f64::MAX,
                f64::MIN_POSITIVE,
                5e-324,
            ],
        ));
    }
    Some(rng.random_range(0.05..30.0))
}
