//! Rows of `copy … (format binary)`, borrowed as events.

use tokio_postgres::binary_copy::BinaryCopyOutRow;
use tokio_postgres::types::{FromSql, Type};

use crate::error::Cause;
use crate::landing::Event;

/// The types of the columns that `source/read.sql` copies.
pub(super) const TYPES: [Type; 6] = [
    Type::INT8,
    Type::TEXT,
    Type::TIMESTAMPTZ,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
];

const EPOCH_2000_US: i64 = 946_684_800_000_000;
const YEARS_1_TO_9999_US: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

/// A moment in microseconds since 1970 UTC; Postgres counts from 2000.
struct Moment(Option<i64>);

impl<'a> FromSql<'a> for Moment {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Cause> {
        let since_2000 = i64::from_be_bytes(raw.try_into()?);

        // The infinities are the two ends of the range; they and years of five digits are no time that Trino can hold.
        Ok(Self(
            since_2000
                .checked_add(EPOCH_2000_US)
                .filter(|us| YEARS_1_TO_9999_US.contains(us)),
        ))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }
}

/// Borrows a copied row as an event.
pub(super) fn event(row: &BinaryCopyOutRow) -> Result<Event<'_>, tokio_postgres::Error> {
    Ok(Event {
        event_id: row.try_get(0)?,
        operation: row.try_get(1)?,
        occurred_at_us: row
            .try_get::<Option<Moment>>(2)?
            .and_then(|moment| moment.0),
        schema: row.try_get(3)?,
        table: row.try_get(4)?,
        data: row.try_get(5)?,
    })
}
