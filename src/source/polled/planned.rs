//! The statements that would read polled tables.

use super::queries::RowsQuery;
use super::table::PolledTable;
use super::tables::PolledTables;
use crate::error::Result;
use crate::publish::Planned;
use crate::source::reading::Reading;

impl PolledTables<'_> {
    /// The statements of a reading: of its rows, and of the keys that are compared.
    pub(super) async fn planned_reads(&self, reading: &Reading) -> Result<Vec<Planned>> {
        let copies = self.copies().await?.into_iter();
        let read = self.tables.iter().zip(&self.queries);
        let mut planned: Vec<Planned> = read
            .clone()
            .zip(copies)
            .map(|((table, rows), copy)| {
                Planned::reading(copy.sql).with_detail(self.range_detail(table, rows))
            })
            .collect();
        for (_, rows) in
            read.filter(|(table, _)| reading.compared.iter().any(|name| name == table.name()))
        {
            planned.push(Planned::reading(rows.keys().sql()?));
        }

        Ok(planned)
    }

    /// How a full load is read in ranges.
    fn range_detail(&self, table: &PolledTable<'_>, rows: &RowsQuery<'_>) -> Option<String> {
        let key = table.catalogue.range_key.as_ref()?;
        rows.bounds.as_ref()?;

        Some(format!(
            "the rows are read in ranges of {} by `{}`, each in a batch of its own; a range is known only when it is read",
            self.session.range_rows,
            key.join("`, `")
        ))
    }
}
