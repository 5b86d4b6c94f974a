//! The names of a table in the API and in its source, and its columns in the source's catalogue.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A tracked table by its name in the API: `shop.orders`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableId {
    pub pipeline: String,
    /// In the pipeline.
    pub name: String,
}

impl TableId {
    #[must_use]
    pub fn new(pipeline: &str, name: &str) -> Self {
        Self {
            pipeline: pipeline.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The pipelines and the names of some tables, as the two lists that a statement takes.
    #[must_use]
    pub fn columns<'a>(ids: &[&'a Self]) -> (Vec<&'a str>, Vec<&'a str>) {
        ids.iter()
            .map(|id| (id.pipeline.as_str(), id.name.as_str()))
            .unzip()
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.pipeline, self.name)
    }
}

impl FromStr for TableId {
    type Err = NotQualified;

    /// Splits at the first point: a pipeline's name has none.
    fn from_str(name: &str) -> Result<Self, NotQualified> {
        let (pipeline, table) = split(name)?;

        Ok(Self::new(pipeline, table))
    }
}

/// A table in its source: `public.orders`, or `files.orders` for files. Every landed event carries both parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SourceTable {
    pub schema: String,
    pub name: String,
}

impl SourceTable {
    #[must_use]
    pub fn new(schema: &str, name: &str) -> Self {
        Self {
            schema: schema.to_owned(),
            name: name.to_owned(),
        }
    }
}

impl fmt::Display for SourceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

impl FromStr for SourceTable {
    type Err = NotQualified;

    /// Splits at the first point.
    fn from_str(name: &str) -> Result<Self, NotQualified> {
        let (schema, table) = split(name)?;

        Ok(Self::new(schema, table))
    }
}

/// A name that lacks one of its two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotQualified;

/// Refuses the name of a table without a schema; `what` is the setting with the name.
pub(super) fn qualified(what: &str, name: &str) -> Result<SourceTable, String> {
    name.parse().map_err(|NotQualified| {
        format!("`{what}` is `{name}`; write schema and table, such as `public.orders`")
    })
}

fn split(name: &str) -> Result<(&str, &str), NotQualified> {
    name.split_once('.')
        .filter(|(before, after)| !before.is_empty() && !after.is_empty())
        .ok_or(NotQualified)
}

/// A column of the source's catalogue; the state database stores it as a pair of name and type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(String, String)", into = "(String, String)")]
pub struct CatalogueColumn {
    pub name: String,
    /// In Postgres, such as `numeric(18,2)`.
    pub data_type: String,
}

impl From<(String, String)> for CatalogueColumn {
    fn from((name, data_type): (String, String)) -> Self {
        Self { name, data_type }
    }
}

impl From<CatalogueColumn> for (String, String) {
    fn from(column: CatalogueColumn) -> Self {
        (column.name, column.data_type)
    }
}

#[cfg(test)]
mod tests {
    use super::{SourceTable, TableId};

    #[test]
    fn a_name_of_two_parts_reads_back_as_it_is_shown() {
        for name in ["shop.orders", "public.a.b"] {
            assert_eq!(
                name.parse::<TableId>().expect("two parts").to_string(),
                name
            );
            assert_eq!(
                name.parse::<SourceTable>().expect("two parts").to_string(),
                name
            );
        }
    }

    #[test]
    fn a_name_of_one_part_is_refused() {
        for name in ["orders", ".orders", "public.", ""] {
            assert!(name.parse::<SourceTable>().is_err(), "{name}");
        }
    }
}
