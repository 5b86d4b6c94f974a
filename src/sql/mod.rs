//! SQL text: quoting, literals, the templates under `sql/statements/`, and how answers are read. Knows no server.

mod answer;
mod statements;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use answer::{Answer, AnswerColumn, bytes_of};
pub use statements::{Statements, render};

pub(crate) use statements::statement;

/// A table's name in Trino: catalog, schema, table.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct TableName(pub Vec<String>);

impl TableName {
    #[must_use]
    pub fn new(catalog: &str, schema: &str, table: &str) -> Self {
        Self(vec![catalog.into(), schema.into(), table.into()])
    }

    /// The same table's metadata table, such as `"orders$snapshots"`.
    #[must_use]
    pub fn metadata(&self, of: &str) -> Self {
        let mut parts = self.0.clone();
        if let Some(table) = parts.last_mut() {
            *table = format!("{table}${of}");
        }
        Self(parts)
    }

    /// The schema that holds the table: catalog and schema.
    #[must_use]
    pub fn schema(&self) -> Self {
        Self(self.0[..self.0.len() - 1].to_vec())
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// Quotes an identifier: the only way that a name gets into a statement.
///
/// Trino and Postgres agree here: double quotes around, double quotes inside doubled.
#[must_use]
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Writes a text literal: the only way that a value gets into a statement that cannot be bound.
#[must_use]
pub fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// Writes a time as Trino writes one of type `timestamp(6) with time zone`.
#[must_use]
pub fn timestamp_text(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%S%.6f UTC")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_inside_an_identifier_cannot_end_it() {
        assert_eq!(identifier(r#"a"; drop table x"#), r#""a""; drop table x""#);
    }

    #[test]
    fn a_quote_inside_a_literal_cannot_end_it() {
        assert_eq!(literal("o'clock"), "'o''clock'");
    }
}
