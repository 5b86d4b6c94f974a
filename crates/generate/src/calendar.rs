//! When things happen in the shop: two years from 2024 on, which begin again, so that nothing lies in the future.

use jiff::Timestamp;

use crate::random::Random;

/// 2024-01-01T00:00:00Z, in microseconds.
const OPENING: i64 = 1_704_067_200_000_000;
const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const TWO_YEARS: i64 = 730 * 24 * HOUR;

/// Orders come every 20 s, so that a batch of them touches few days.
const BETWEEN_ORDERS: i64 = 20 * SECOND;

/// When the `number`th order came, up to an hour late.
pub(crate) fn order_moment(random: &mut Random, number: i64) -> Timestamp {
    after_opening(
        number.saturating_mul(BETWEEN_ORDERS),
        random.within(0..HOUR),
    )
}

/// When the `number`th event of shipments happened: one each second, in their order.
pub(crate) fn shipment_moment(random: &mut Random, number: i64) -> Timestamp {
    after_opening(number * SECOND, random.within(0..SECOND))
}

fn after_opening(microseconds: i64, late: i64) -> Timestamp {
    // Within three years of 2024, far within what a timestamp holds.
    Timestamp::from_microsecond(OPENING + microseconds.rem_euclid(TWO_YEARS) + late)
        .unwrap_or(Timestamp::UNIX_EPOCH)
}
