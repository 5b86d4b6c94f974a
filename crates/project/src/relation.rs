//! The name of a table in Trino, and its columns.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A table by its full name. It prints as SQL writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Relation {
    pub catalog: String,
    pub schema: String,
    pub table: String,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Column {
    /// The name of the column.
    pub name: String,
    /// The type in Trino.
    #[serde(default)]
    pub data_type: Option<String>,
}

impl Relation {
    #[must_use]
    pub fn new(catalog: &str, schema: &str, table: &str) -> Self {
        Self {
            catalog: catalog.into(),
            schema: schema.into(),
            table: table.into(),
        }
    }

    /// The name as Trino reads it, which is in lower case.
    pub(crate) fn folded(&self) -> String {
        format!("{}.{}.{}", self.catalog, self.schema, self.table).to_lowercase()
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.catalog, &self.schema, &self.table];
        let quoted = parts.map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
        f.write_str(&quoted.join("."))
    }
}
