//! The columns of each table: those of earlier readings, and those of the files that landed in this one.

use std::collections::BTreeMap;

use super::folder::DropFolder;
use super::rows::FileColumns;
use crate::error::Result;
use crate::pipeline::CatalogueColumn;

/// The columns of each table, by the table's name.
pub(super) struct KnownColumns(BTreeMap<String, Vec<CatalogueColumn>>);

impl DropFolder<'_> {
    /// The columns of earlier readings.
    pub(super) async fn known_columns(&self) -> Result<KnownColumns> {
        let mut known = BTreeMap::new();
        for (name, table) in self.tables {
            let table = self.ledger.table(&table.id).await?;
            let catalogue = table.map_or_else(Vec::new, |table| table.catalogue);
            known.insert(name.clone(), catalogue);
        }

        Ok(KnownColumns(known))
    }
}

impl KnownColumns {
    pub(super) fn of(&self, table: &str) -> &[CatalogueColumn] {
        self.0.get(table).map_or(&[], Vec::as_slice)
    }

    /// Adds the columns of a file that landed.
    pub(super) fn add(&mut self, table: &str, columns: &FileColumns) {
        let known = self.0.entry(table.to_owned()).or_default();
        for column in &columns.found {
            if !known.iter().any(|known| known.name == column.name) {
                known.push(column.clone());
            }
        }
    }
}
