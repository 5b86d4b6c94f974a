//! Made orders, as the columns of one statement.

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::types::ToSql;

use super::write::Parameters;
use crate::calendar::order_moment;
use crate::random::Random;
use crate::words;

const STATUSES: [&str; 6] = ["new", "paid", "packed", "shipped", "delivered", "returned"];
/// The largest `numeric(18, 2)`, in hundredths.
const LARGEST_SUM: i64 = 999_999_999_999_999_999;
/// One number in this many is at the edge of its type, where extremes are wanted.
const EXTREME: u32 = 200;

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
    /// The row is the first at or above it.
    point: Vec<i64>,
    status: Vec<Option<&'static str>>,
    order_sum: Vec<Option<String>>,
    quantity: Vec<Option<i32>>,
    attributes: Vec<Option<Value>>,
    described: Vec<bool>,
    description: Vec<Option<String>>,
}

impl NewOrders {
    /// Draws orders from about these numbers, each of a customer that there is or was.
    pub(super) fn draw(
        random: &mut Random,
        numbers_and_customers: impl Iterator<Item = (i64, i64)>,
    ) -> Self {
        let mut new = Self::default();
        for (number, customer) in numbers_and_customers {
            new.push(random, number, customer);
        }
        new
    }

    fn push(&mut self, random: &mut Random, number: i64, customer: i64) {
        self.customer_id.push(customer);
        self.status.push("new");
        self.order_sum.push(sum(random));
        self.discount.push(discount(random));
        self.quantity.push(quantity(random));
        self.weight_kg.push(weight(random));
        self.express.push(random.one_in(4));
        self.description.push(words::remark(random));
        self.attributes.push(words::attributes(random));
        self.order_timestamp.push(order_moment(random, number));
    }
}

impl Parameters for NewOrders {
    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
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
    pub(super) fn draw(random: &mut Random, points: Vec<i64>) -> Self {
        let mut updates = Self::default();
        for _ in &points {
            updates.push(random);
        }
        updates.point = points;
        updates
    }

    fn push(&mut self, random: &mut Random) {
        let changed = random.within(0..20);
        let summed = (12..15).contains(&changed);
        let described = (15..18).contains(&changed);
        self.status
            .push((changed < 13).then(|| random.pick(&STATUSES)));
        self.order_sum.push(summed.then(|| sum(random)));
        self.quantity.push(summed.then(|| quantity(random)));
        // The last one in twenty changes nothing.
        self.attributes
            .push((changed == 18).then(|| words::attributes(random)).flatten());
        self.described.push(described);
        self.description
            .push(described.then(|| words::remark(random)).flatten());
    }
}

impl Parameters for OrderUpdates {
    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
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

fn sum(random: &mut Random) -> String {
    let hundredths = if random.is_extreme(EXTREME) {
        random.pick(&[0, 1, -1, -9_999, LARGEST_SUM, -LARGEST_SUM])
    } else {
        random.within(1..50_000)
    };
    let sign = if hundredths < 0 { "-" } else { "" };
    format!(
        "{sign}{}.{:02}",
        (hundredths / 100).abs(),
        (hundredths % 100).abs()
    )
}

fn discount(random: &mut Random) -> Option<String> {
    let some = random.one_in(3);
    some.then(|| format!("0.{:04}", random.within(0..5_000)))
}

fn quantity(random: &mut Random) -> i32 {
    if random.is_extreme(EXTREME) {
        return random.pick(&[0, i32::MAX, i32::MIN]);
    }
    random.within(1..20)
}

fn weight(random: &mut Random) -> Option<f64> {
    if random.one_in(4) {
        return None;
    }
    if random.is_extreme(EXTREME) {
        return Some(random.pick(&[
            0.0,
            0.1 + 0.2,
            1e-7,
            1e22,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
        ]));
    }
    Some(random.within(0.05..30.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_the_edge_of_their_type_come_only_where_they_are_wanted() {
        let largest = |extremes| {
            let mut random = Random::new(1, extremes);
            let orders = NewOrders::draw(&mut random, (0..10_000).map(|number| (number, 1)));
            let digits = orders.order_sum.iter().map(String::len).max();
            (digits, orders.quantity.iter().max().copied())
        };
        assert_eq!(largest(false), (Some("499.99".len()), Some(19)));
        assert_eq!(
            largest(true),
            (Some("-9999999999999999.99".len()), Some(i32::MAX))
        );
    }
}
