//! Forgotten keys: an event of one lands without its content, as operation `F`, so that it becomes a reject.
//!
//! Only hashes of forgotten keys are known. A key may come as another text than the one that was forgotten, such as `07` for `7`, so
//! each text is brought to the one form that its column's type has for the value. `staging/typed.sql` says which texts a type takes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::Event;
use super::fields::{Fields, open};
use crate::pipeline::{Column, SourceTable, TypeKind};

/// The operation of an event that lost its content.
const OPERATION: &str = "F";
/// Digits of a second that Iceberg keeps.
const FRACTION_DIGITS: usize = 6;
/// The most zeros that an exponent may add to a number.
const MOST_ZEROS: usize = 1_000;

/// The SHA-256 of a key: of the one form of each value, in the order of the key's columns.
pub type KeyHash = [u8; 32];

/// The forgotten keys of a pipeline's tables.
#[derive(Debug, Default)]
pub struct ForgottenKeys {
    /// By the table's schema and name in the source. A table has several if its key has changed.
    tables: HashMap<String, HashMap<String, Vec<ForgottenOfTable>>>,
}

/// Forgotten keys with the columns that they had then.
#[derive(Debug)]
struct ForgottenOfTable {
    key: Vec<Column>,
    hashes: HashSet<KeyHash>,
}

impl ForgottenKeys {
    /// Adds forgotten keys of a table, with the columns of its key when they were forgotten.
    pub fn add(&mut self, source: SourceTable, key: Vec<Column>, hashes: HashSet<KeyHash>) {
        let of_schema = self.tables.entry(source.schema).or_default();
        let of_table = of_schema.entry(source.name).or_default();
        of_table.push(ForgottenOfTable { key, hashes });
    }

    /// The event as it may land: without its content if its key is forgotten.
    pub(super) fn without_content<'a>(&self, event: &Event<'a>) -> Event<'a> {
        let is_forgotten = || {
            let tables = self.tables.get(event.schema.unwrap_or_default())?;
            let keys = tables.get(event.table.unwrap_or_default())?;
            let fields = open(event.data?)?;
            Some(keys.iter().any(|keys| keys.has(&fields)))
        };
        if self.tables.is_empty() || is_forgotten() != Some(true) {
            return *event;
        }

        Event {
            operation: Some(OPERATION),
            data: None,
            ..*event
        }
    }
}

impl ForgottenOfTable {
    fn has(&self, fields: &Fields<'_>) -> bool {
        let value_of = |column: &Column| {
            let mut found = fields.iter().filter(|(name, _)| *name == column.from);
            found.next().and_then(|(_, value)| value)
        };

        key_hash(&self.key, value_of).is_some_and(|hash| self.hashes.contains(&hash))
    }
}

/// The hash of a key, by the text of each column's value. `None` if a value is missing.
pub fn key_hash<'a, 'b>(
    key: impl IntoIterator<Item = &'a Column>,
    value_of: impl Fn(&'a Column) -> Option<Cow<'b, str>>,
) -> Option<KeyHash> {
    let mut hash = Sha256::new();
    for column in key {
        let text = value_of(column)?;
        let form = one_form(column.kind, &text);
        hash.update(form.len().to_be_bytes());
        hash.update(form.as_bytes());
    }

    Some(hash.finalize().into())
}

/// The text that all texts of a value share. A text that is no value of the type stays as it is: its event is a reject.
fn one_form(kind: TypeKind, text: &str) -> Cow<'_, str> {
    let form = match kind {
        TypeKind::Varchar | TypeKind::Date => None,
        TypeKind::Integer | TypeKind::Decimal => number(text),
        TypeKind::Float => text.parse::<f64>().ok().map(|value| {
            // Two zeros are equal.
            let value = if value == 0.0 { 0.0 } else { value };
            value.to_string()
        }),
        TypeKind::Boolean => match text {
            "t" => Some("true".to_owned()),
            "f" => Some("false".to_owned()),
            _ => None,
        },
        TypeKind::Time => cut(text).parse::<Time>().ok().map(|time| time.to_string()),
        TypeKind::Timestamp | TypeKind::TimestampTz => moment(text).map(|time| time.to_string()),
        TypeKind::Varbinary => Some(text.to_ascii_lowercase()),
    };

    form.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// A number without needless zeros, signs and exponents.
fn number(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, exponent) = match digits.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<isize>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // The place of the point among the digits.
    let point = isize::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let added = usize::try_from(-point.min(0)).ok()?;
    let lacking = usize::try_from(point.max(0))
        .ok()?
        .saturating_sub(all.len());
    if added.max(lacking) > MOST_ZEROS {
        return None;
    }
    let all = format!("{}{all}{}", "0".repeat(added), "0".repeat(lacking));
    let (whole, fraction) = all.split_at(usize::try_from(point.max(0)).ok()?);
    let (whole, fraction) = (
        whole.trim_start_matches('0'),
        fraction.trim_end_matches('0'),
    );
    if whole.is_empty() && fraction.is_empty() {
        return Some("0".to_owned());
    }

    Some(format!("{sign}{whole}.{fraction}"))
}

/// A moment in UTC. A text without an offset is in UTC, too.
fn moment(text: &str) -> Option<Timestamp> {
    let text = cut(text);
    let without_offset = || {
        let civil: DateTime = text.parse().ok()?;
        let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    };

    text.parse().ok().or_else(without_offset)
}

/// A time without the digits that Iceberg does not keep.
fn cut(text: &str) -> Cow<'_, str> {
    let Some(point) = text.find('.') else {
        return Cow::Borrowed(text);
    };
    let fraction = text[point + 1..].bytes();
    let digits = fraction.take_while(u8::is_ascii_digit).count();
    if digits <= FRACTION_DIGITS {
        return Cow::Borrowed(text);
    }
    let (kept, rest) = (point + 1 + FRACTION_DIGITS, point + 1 + digits);

    Cow::Owned(format!("{}{}", &text[..kept], &text[rest..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_texts_of_a_value_have_one_form() {
        for (kind, texts) in [
            (TypeKind::Integer, &["7", "+7", "007"][..]),
            (TypeKind::Integer, &["0", "-0", "000"]),
            (
                TypeKind::Decimal,
                &["7.5", "7.50", "+07.500", "75e-1", "0.75E1"],
            ),
            (TypeKind::Decimal, &["120", "120.00", "1.2e2", "12e+1"]),
            (TypeKind::Decimal, &["-0.001", "-.001", "-1e-3"]),
            (TypeKind::Float, &["0", "-0.0", "0e5"]),
            (TypeKind::Float, &["1.5", "15e-1", "1.50"]),
            (TypeKind::Boolean, &["t", "true"]),
            (TypeKind::Varbinary, &["\\xAB", "\\xab"]),
            (TypeKind::Time, &["10:11", "10:11:00", "10:11:00.0000000"]),
            (
                TypeKind::Timestamp,
                &[
                    "2026-01-01T10:11:12",
                    "2026-01-01 10:11:12",
                    "2026-01-01 10:11:12.0000001",
                ],
            ),
            (
                TypeKind::TimestampTz,
                &[
                    "2026-01-01T10:11:12+00:00",
                    "2026-01-01 10:11:12+00",
                    "2026-01-01T10:11:12.000Z",
                    "2026-01-01 12:11:12+02",
                    "2026-01-01 04:41:12-05:30",
                ],
            ),
        ] {
            let forms: HashSet<_> = texts.iter().map(|text| one_form(kind, text)).collect();
            assert_eq!(forms.len(), 1, "{texts:?}: {forms:?}");
        }
    }

    #[test]
    fn other_values_have_other_forms() {
        for (kind, texts) in [
            (TypeKind::Integer, &["7", "-7", "70", "0"][..]),
            (
                TypeKind::Decimal,
                &["7.5", "75", "0.75", "-7.5", "7.05", "1e2000000000", "x"],
            ),
            (TypeKind::Varchar, &["7", "07", "7.0", " 7"]),
            (
                TypeKind::Timestamp,
                &["2026-01-01T10:11:12", "2026-01-01T10:11:12.000001"],
            ),
        ] {
            let forms: HashSet<_> = texts.iter().map(|text| one_form(kind, text)).collect();
            assert_eq!(forms.len(), texts.len(), "{texts:?}: {forms:?}");
        }
    }

    #[test]
    fn an_event_of_a_forgotten_key_keeps_its_place_and_loses_its_content() {
        let mut columns = [
            Column::of_type("id", "bigint"),
            Column::of_type("region", "varchar"),
            Column::of_type("name", "varchar"),
        ];
        columns[0].is_key = true;
        columns[1].is_key = true;
        let source = SourceTable {
            schema: "public".into(),
            name: "people".into(),
        };
        let value =
            |column: &Column| Some(Cow::Borrowed(if column.name == "id" { "7" } else { "eu" }));
        let hash = key_hash(&columns[..2], value).expect("all values");
        let mut forgotten = ForgottenKeys::default();
        forgotten.add(source, columns[..2].to_vec(), HashSet::from([hash]));
        let event = |data| Event {
            event_id: Some(1),
            operation: Some("U"),
            schema: Some("public"),
            table: Some("people"),
            data: Some(data),
            ..Event::default()
        };

        let late = forgotten.without_content(&event(r#"{"name": "Ada", "region": "eu", "id": 7}"#));
        assert_eq!(
            (late.event_id, late.operation, late.data),
            (Some(1), Some("F"), None)
        );
        for other in [
            r#"{"id": 8, "region": "eu", "name": "Ada"}"#,
            r#"{"id": 7, "region": "us", "name": "Ada"}"#,
            r#"{"id": null, "region": "eu"}"#,
            "no object",
        ] {
            assert_eq!(forgotten.without_content(&event(other)).data, Some(other));
        }
    }
}
