//! Names of tables and columns, as statements and the catalogue take them.

use crate::pipeline::SourceTable;
use crate::sql::identifier;

/// The column that a field of the definition means: the one of that very name, or else of one that differs in upper and lower case.
pub(in crate::source) fn column_of<'c>(
    field: &str,
    columns: impl Iterator<Item = &'c String> + Clone,
) -> Option<&'c String> {
    let lower = field.to_lowercase();
    let same = columns.clone().find(|column| *column == field);

    same.or_else(|| {
        let mut columns = columns;
        columns.find(|column| column.to_lowercase() == lower)
    })
}

/// A table's name as templates take it.
pub(in crate::source) fn dotted(table: &SourceTable) -> [&str; 2] {
    [&table.schema, &table.name]
}

/// A table's name as Postgres' `to_regclass` and `parse_ident` take it.
pub(in crate::source) fn quoted(table: &SourceTable) -> String {
    format!("{}.{}", identifier(&table.schema), identifier(&table.name))
}
