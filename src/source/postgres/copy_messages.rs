//! Messages of `copy … (format binary)`, borrowed as events.
//!
//! The format is in Postgres' manual on `COPY`, section "Binary Format": a header, rows, and -1 in place of a row.

use super::copy_statement::{CopyStatement, RowField};
use crate::error::Cause;
use crate::landing::Event;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The columns that describe the change come before those of the row, as in `source/read.sql`.
const COLUMNS: usize = 5;
const EPOCH_2000_US: i64 = 946_684_800_000_000;
const YEARS_1_TO_9999_US: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

/// Decodes messages; each holds one row at most.
#[derive(Default)]
pub(super) struct CopyMessages<'f> {
    /// The columns of a row; empty if it comes as JSON.
    fields: &'f [RowField],
    /// The row of the last message as JSON, if it came in columns.
    json: Vec<u8>,
    has_begun: bool,
    has_ended: bool,
}

impl<'f> CopyMessages<'f> {
    /// Those of a copy.
    pub(super) fn of(copy: &'f CopyStatement) -> Self {
        Self {
            fields: &copy.fields,
            ..Self::default()
        }
    }

    /// Borrows a message's row as an event; none if it holds no row.
    pub(super) fn event<'a>(&'a mut self, message: &'a [u8]) -> Result<Option<Event<'a>>, Cause> {
        let mut rest = message;
        if !self.has_begun {
            header(&mut rest).ok_or("the copy does not begin as one in binary format")?;
            self.has_begun = true;
        }
        if rest.is_empty() {
            return Ok(None);
        }
        if rest == (-1_i16).to_be_bytes() {
            self.has_ended = true;
            return Ok(None);
        }

        row(rest, self.fields, &mut self.json).map(Some)
    }

    /// Fails if the copy is incomplete.
    pub(super) fn check_ended(&self) -> Result<(), Cause> {
        if self.has_ended {
            Ok(())
        } else {
            Err("the copy ended early".into())
        }
    }
}

fn header(rest: &mut &[u8]) -> Option<()> {
    let signature = rest.split_off(..SIGNATURE.len())?;
    let _flags = number(rest)?;
    let extension = number(rest)?;
    rest.split_off(..usize::try_from(extension).ok()?)?;

    (signature == SIGNATURE).then_some(())
}

fn row<'a>(
    mut rest: &'a [u8],
    fields: &[RowField],
    json: &'a mut Vec<u8>,
) -> Result<Event<'a>, Cause> {
    let columns = i16::try_from(COLUMNS + fields.len().max(1))?;
    if rest.split_off(..2) != Some(&columns.to_be_bytes()) {
        return Err("a copied row has other columns than were asked for".into());
    }
    let rest = &mut rest;

    Ok(Event {
        event_id: value(rest)?.map(eight).transpose()?,
        operation: text(rest)?,
        occurred_at_us: value(rest)?.map(eight).transpose()?.and_then(moment),
        schema: text(rest)?,
        table: text(rest)?,
        data: if fields.is_empty() {
            text(rest)?
        } else {
            Some(object(rest, fields, json)?)
        },
        source_file: None,
    })
}

/// The columns of a row as one JSON object.
fn object<'a>(
    rest: &mut &[u8],
    fields: &[RowField],
    json: &'a mut Vec<u8>,
) -> Result<&'a str, Cause> {
    json.clear();
    let mut mark = "{";
    for field in fields {
        json.extend(mark.as_bytes());
        field.write(value(rest)?, json)?;
        mark = ", ";
    }
    json.push(b'}');

    Ok(std::str::from_utf8(json)?)
}

/// A moment in microseconds since 1970 UTC; Postgres counts from 2000.
fn moment(since_2000: i64) -> Option<i64> {
    // The infinities are the two ends of the range. Trino cannot hold them, or years of five digits.
    since_2000
        .checked_add(EPOCH_2000_US)
        .filter(|us| YEARS_1_TO_9999_US.contains(us))
}

fn text<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a str>, Cause> {
    Ok(value(rest)?.map(std::str::from_utf8).transpose()?)
}

fn eight(value: &[u8]) -> Result<i64, Cause> {
    Ok(i64::from_be_bytes(value.try_into()?))
}

/// The bytes of the next value; none if it is null.
fn value<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Cause> {
    let length = number(rest).ok_or("a copied row ends early")?;
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length)?;

    Ok(Some(
        rest.split_off(..length).ok_or("a copied row ends early")?,
    ))
}

fn number(rest: &mut &[u8]) -> Option<i32> {
    let (bytes, others) = rest.split_first_chunk()?;
    *rest = others;

    Some(i32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::CopyMessages;

    const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

    fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
        let mut row = i16::try_from(values.len())
            .expect("few")
            .to_be_bytes()
            .to_vec();
        for value in values {
            let length = value.map_or(-1, |value| i32::try_from(value.len()).expect("short"));
            row.extend(length.to_be_bytes());
            row.extend(value.unwrap_or_default());
        }

        row
    }

    #[test]
    fn a_row_is_read_with_or_without_the_header_before_it_and_the_end_is_known() {
        let id = 7_i64.to_be_bytes();
        let at = 0_i64.to_be_bytes();
        let values = [
            Some(&id[..]),
            Some(b"I"),
            Some(&at),
            None,
            Some(b"t"),
            Some(b"{}"),
        ];
        let mut messages = CopyMessages::default();
        let first = [HEADER, &row(&values)].concat();
        for message in [first, row(&values)] {
            let event = messages.event(&message).expect("read").expect("a row");
            assert_eq!(event.event_id, Some(7));
            assert_eq!(event.operation, Some("I"));
            assert_eq!(event.occurred_at_us, Some(946_684_800_000_000));
            assert_eq!((event.schema, event.table), (None, Some("t")));
            assert_eq!(event.data, Some("{}"));
        }
        assert!(messages.check_ended().is_err());
        assert!(messages.event(&[0xff, 0xff]).expect("read").is_none());
        assert!(messages.check_ended().is_ok());
    }

    #[test]
    fn a_time_that_trino_cannot_hold_is_none() {
        for at in [i64::MAX, i64::MIN, 253_402_300_800_000_000] {
            let at = at.to_be_bytes();
            let message = [HEADER, &row(&[None, None, Some(&at), None, None, None])].concat();
            let mut messages = CopyMessages::default();
            let event = messages.event(&message).expect("read");
            assert_eq!(event.expect("a row").occurred_at_us, None);
        }
    }

    #[test]
    fn what_is_malformed_is_an_error() {
        let short = row(&[None, None, Some(b"1234"), None, None, None]);
        let cut = &row(&[None; 6])[..10];
        for rows in [&row(&[None; 5])[..], &short, cut, &[0]] {
            assert!(
                CopyMessages::default()
                    .event(&[HEADER, rows].concat())
                    .is_err()
            );
        }
        assert!(CopyMessages::default().event(b"PGCOPY").is_err());
        assert!(CopyMessages::default().event(&row(&[None; 6])).is_err());
    }
}
