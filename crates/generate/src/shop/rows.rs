//! Rows as JSON objects, which the statements turn into columns.

use serde_json::{Value, json};

use crate::calendar::order_moment;
use crate::random::Random;
use crate::words;

const STATUSES: [&str; 6] = ["new", "paid", "packed", "shipped", "delivered", "returned"];
/// The largest `numeric(18, 2)`, in hundredths.
const LARGEST_SUM: i64 = 999_999_999_999_999_999;
/// With extremes, one number in this many is at the edge of its type.
const EXTREME: u32 = 200;

/// The customer that will be about the `number`th.
pub(super) fn new_customer(random: &mut Random, number: i64) -> Value {
    json!({
        "name": words::name(random),
        "email": random.chance(0.8).then(|| words::email(random)),
        "country": words::country(random),
        "tags": random.chance(0.7).then(|| words::tags(random)),
        "created_at": order_moment(random, number * 10),
        "profile": words::profile(random),
    })
}

/// An update of the first customer at or above a point.
pub(super) fn customer_update(random: &mut Random, point: i64) -> Value {
    let mut update = json!({ "point": point });
    let changed = random.within(0..20);
    if changed < 8 {
        update["email"] = words::email(random).into();
    }
    if (8..11).contains(&changed) {
        update["country"] = words::country(random).into();
    }
    if (10..15).contains(&changed) {
        update["tags"] = words::tags(random).into();
    }
    // The last one in twenty changes nothing.
    if (14..19).contains(&changed) {
        update["profile"] = words::profile(random).into();
    }
    update
}

/// The order that will be about the `number`th, of a customer that there is or was.
pub(super) fn new_order(random: &mut Random, number: i64, customer: i64) -> Value {
    json!({
        "customer_id": customer,
        "status": "new",
        "order_sum": sum(random),
        "discount": discount(random),
        "quantity": quantity(random),
        "weight_kg": weight(random),
        "express": random.one_in(4),
        "description": words::remark(random),
        "attributes": words::attributes(random),
        "order_timestamp": order_moment(random, number),
    })
}

/// An update of the first order at or above a point.
pub(super) fn order_update(random: &mut Random, point: i64) -> Value {
    let mut update = json!({ "point": point });
    let changed = random.within(0..20);
    if changed < 13 {
        update["status"] = random.pick(&STATUSES).into();
    }
    if (12..15).contains(&changed) {
        update["order_sum"] = sum(random).into();
        update["quantity"] = quantity(random).into();
    }
    if (15..18).contains(&changed) {
        update["described"] = true.into();
        update["description"] = words::remark(random).into();
    }
    // The last one in twenty changes nothing.
    if changed == 18 {
        update["attributes"] = words::attributes(random).into();
    }
    update
}

/// A point alone, for deletes and changes of keys.
pub(super) fn point(_: &mut Random, point: i64) -> Value {
    json!({ "point": point })
}

/// In text, so that no binary fraction is ever between.
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
            let orders: Vec<_> = (0..10_000)
                .map(|number| new_order(&mut random, number, 1))
                .collect();
            let digits = |order: &Value| order["order_sum"].as_str().map(str::len);
            let quantities = orders.iter().map(|order| order["quantity"].as_i64());
            (orders.iter().map(digits).max(), quantities.max())
        };
        let edge = i64::from(i32::MAX);
        assert_eq!(largest(false), (Some(Some("499.99".len())), Some(Some(19))));
        assert_eq!(
            largest(true),
            (Some(Some("-9999999999999999.99".len())), Some(Some(edge)))
        );
    }
}
