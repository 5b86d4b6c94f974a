//! What a statement for Trino answered, and how its rows are read: by the names of their columns.

use std::iter::Zip;
use std::slice;
use std::vec;

use serde::de::value::Error as Misfit;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use crate::error::{Error, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerColumn {
    pub name: String,
    /// Trino's type, such as `bigint`.
    pub data_type: String,
}

#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub columns: Vec<AnswerColumn>,
    /// Values as Trino's JSON, in the order of the columns.
    pub rows: Vec<Vec<Value>>,
    /// Whether the statement was ended before its last row, because its rows have enough bytes.
    pub is_cut: bool,
}

/// About how many bytes some values have as JSON.
#[must_use]
pub fn bytes_of(values: &[Value]) -> usize {
    /// Of a number, a boolean or null, or of what stands around a value.
    const SHORT: usize = 8;

    let bytes = |value: &Value| match value {
        Value::String(text) => text.len(),
        Value::Array(values) => bytes_of(values),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| name.len() + bytes_of(std::slice::from_ref(value)))
            .sum(),
        _ => 0,
    };

    values.iter().map(|value| SHORT + bytes(value)).sum()
}

impl Answer {
    /// Reads every row as a struct, each field from the column of its name.
    ///
    /// A field without a column, or with a value that it cannot hold, is [`Error::Internal`]: it names the statement and
    /// the column, and shows no value.
    pub fn decode<T: DeserializeOwned>(self, statement: &str) -> Result<Vec<T>> {
        let Self { columns, rows, .. } = self;
        let columns = &columns;

        rows.into_iter()
            .map(|values| T::deserialize(AnswerRow { columns, values }))
            .collect::<Result<_, Misfit>>()
            .map_err(|fault| Error::internal(format!("statement `{statement}`: {fault}")))
    }

    /// As [`Answer::decode`], for a statement that always answers one row.
    pub fn decode_one<T: DeserializeOwned>(self, statement: &str) -> Result<T> {
        let mut rows = self.decode(statement)?;
        match (rows.pop(), rows.len()) {
            (Some(row), 0) => Ok(row),
            (row, others) => Err(Error::internal(format!(
                "statement `{statement}` answered {} rows and not one",
                others + usize::from(row.is_some())
            ))),
        }
    }
}

struct AnswerRow<'a> {
    columns: &'a [AnswerColumn],
    values: Vec<Value>,
}

impl<'de> Deserializer<'de> for AnswerRow<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_map(Cells {
            left: self.columns.iter().zip(self.values),
            value: None,
        })
    }

    /// Serde takes a missing `Option` field for `None`. Here a missing field is always a fault.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let is_missing = |field: &str| !self.columns.iter().any(|column| column.name == field);
        if let Some(field) = fields.iter().find(|field| is_missing(field)) {
            return Err(Misfit::custom(format!("it has no column `{field}`")));
        }

        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The columns of a row with their values, one after the other.
struct Cells<'a> {
    left: Zip<slice::Iter<'a, AnswerColumn>, vec::IntoIter<Value>>,
    value: Option<(&'a AnswerColumn, Value)>,
}

impl<'de> MapAccess<'de> for Cells<'_> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        self.value = self.left.next();
        let Some((column, _)) = &self.value else {
            return Ok(None);
        };

        seed.deserialize(column.name.as_str().into_deserializer())
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let (column, value) = self
            .value
            .take()
            .ok_or_else(|| Misfit::custom("a value was asked for before its column"))?;
        let null = if value.is_null() { ", null," } else { "" };

        seed.deserialize(value).map_err(|_| {
            let AnswerColumn { name, data_type } = column;
            Misfit::custom(format!(
                "column `{name}` of type {data_type}{null} does not fit"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::error::causes;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Counted {
        events: i64,
        first_batch: Option<i64>,
    }

    fn answer(columns: &[(&str, &str)], rows: &[&[Value]]) -> Answer {
        Answer {
            columns: columns
                .iter()
                .map(|(name, data_type)| AnswerColumn {
                    name: (*name).to_owned(),
                    data_type: (*data_type).to_owned(),
                })
                .collect(),
            rows: rows.iter().map(|row| row.to_vec()).collect(),
            is_cut: false,
        }
    }

    fn fault(answer: Answer) -> String {
        let fault = answer.decode_one::<Counted>("staging/rejected.sql");

        causes(&fault.expect_err("a row that does not fit"))
    }

    #[test]
    fn rows_are_read_by_the_names_of_their_columns() {
        let columns = [
            ("first_batch", "bigint"),
            ("other", "varchar"),
            ("events", "bigint"),
        ];
        let rows: [&[Value]; 2] = [
            &[json!(7), json!("x"), json!(3)],
            &[json!(null), json!("y"), json!(0)],
        ];

        assert_eq!(
            answer(&columns, &rows)
                .decode::<Counted>("any")
                .expect("two rows"),
            [
                Counted {
                    events: 3,
                    first_batch: Some(7)
                },
                Counted {
                    events: 0,
                    first_batch: None
                },
            ]
        );
    }

    #[test]
    fn a_missing_column_is_a_fault_and_no_zero() {
        let fault = fault(answer(
            &[("_col0", "bigint"), ("first_batch", "bigint")],
            &[&[json!(3), json!(7)]],
        ));

        assert!(
            fault.contains("statement `staging/rejected.sql`: it has no column `events`"),
            "{fault}"
        );
    }

    #[test]
    fn a_missing_column_is_a_fault_even_where_null_is_allowed() {
        let fault = fault(answer(&[("events", "bigint")], &[&[json!(3)]]));

        assert!(fault.contains("it has no column `first_batch`"), "{fault}");
    }

    #[test]
    fn a_null_count_is_a_fault_and_no_zero() {
        let columns = [("events", "bigint"), ("first_batch", "bigint")];
        let fault = fault(answer(&columns, &[&[json!(null), json!(7)]]));

        assert!(
            fault.contains("column `events` of type bigint, null, does not fit"),
            "{fault}"
        );
    }

    #[test]
    fn a_value_of_another_type_is_a_fault_that_does_not_show_it() {
        let columns = [("events", "varchar"), ("first_batch", "bigint")];
        let fault = fault(answer(&columns, &[&[json!("secret"), json!(7)]]));

        assert!(
            fault.contains("column `events` of type varchar does not fit"),
            "{fault}"
        );
        assert!(!fault.contains("secret"), "{fault}");
    }

    #[test]
    fn a_count_that_is_not_one_row_is_a_fault() {
        let columns = [("events", "bigint"), ("first_batch", "bigint")];
        let row: &[Value] = &[json!(3), json!(7)];

        assert!(fault(answer(&columns, &[])).contains("answered 0 rows and not one"));
        assert!(fault(answer(&columns, &[row, row])).contains("answered 2 rows and not one"));
    }
}
