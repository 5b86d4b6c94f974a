//! One polled table: its definition, its cursor column and its catalogue.

use super::catalogue::PolledCatalogue;
use super::cursor_column::CursorColumn;
use super::position::{FullLoad, TablePosition};
use super::queries::{KeyRange, RowSelection, RowsQuery, TableQuery};
use crate::error::{Error, Result};
use crate::pipeline::Table;
use crate::source::postgres::{Session, Snapshot, column_of, dotted, missing_table};

/// A polled table that was found in the source.
pub(super) struct PolledTable<'a> {
    pub(super) table: &'a Table,
    /// The column that rises with every change of a row.
    pub(super) cursor_column: CursorColumn<'a>,
    pub(super) catalogue: PolledCatalogue,
}

impl<'a> PolledTable<'a> {
    /// Looks at a table.
    ///
    /// # Errors
    ///
    /// [`Error::SourceUnreadable`] if it is missing, is no table, or has no such cursor column.
    pub(super) async fn open(session: &Session<'_>, table: &'a Table) -> Result<Self> {
        let name = &table.id.name;
        let catalogue = PolledCatalogue::of(session, &table.source, &table.key_fields())
            .await?
            .ok_or_else(|| {
                missing_table(
                    session.connection.name,
                    &table.from,
                    &format!("correct `tables.{name}.from`, or grant `select`"),
                )
            })?;
        if !catalogue.is_table {
            return Err(Error::SourceUnreadable {
                detail: format!(
                    "`{}` is a view or a foreign table, and its rows do not tell which transaction wrote them; name the table behind it in `tables.{name}.from`",
                    table.from
                ),
            });
        }

        Ok(Self {
            table,
            cursor_column: CursorColumn::of(table, &catalogue)?,
            catalogue,
        })
    }

    /// Its name in the pipeline.
    pub(super) fn name(&self) -> &'a str {
        &self.table.id.name
    }

    /// The columns of the key as the source names them.
    pub(super) fn key(&self) -> Vec<String> {
        let columns = self.catalogue.columns.keys();
        let mut key = self.table.key_fields();
        for field in &mut key {
            if let Some(column) = column_of(field, columns.clone()) {
                field.clone_from(column);
            }
        }

        key
    }

    /// The columns by which ranges follow each other, each with its type; none if there are no ranges.
    pub(super) fn range_key(&self) -> Option<Vec<String>> {
        let columns = self.catalogue.range_key.as_ref()?.iter();
        let data_type = |column: &String| self.catalogue.columns.get(column).cloned();

        Some(
            columns
                .map(|column| format!("{column} {}", data_type(column).unwrap_or_default()))
                .collect(),
        )
    }

    /// The condition of the definition; empty if there is none.
    pub(super) fn condition(&self) -> &str {
        self.table.filter.as_deref().unwrap_or_default()
    }

    /// The position to read from; `None` before the first reading. If `where` has changed, it asks for a full load.
    pub(super) fn start_of_reading(&self, last: Option<&TablePosition>) -> Option<TablePosition> {
        let mut start = last?.clone();
        let was = start.filter.as_deref();
        if was.is_some_and(|condition| condition != self.condition()) {
            start.load = Some(FullLoad::again());
        }

        Some(start)
    }

    /// Table, cursor and condition, as statements name them.
    pub(super) fn query(&self) -> TableQuery<'a> {
        TableQuery {
            table: dotted(&self.table.source),
            cursor: self.cursor_column.name,
            filter: self.table.filter.as_deref(),
        }
    }

    /// The query for a selection of the rows, as statements name its parts.
    pub(super) fn rows_query(
        &self,
        selection: RowSelection<'_>,
        snapshot: &Snapshot,
    ) -> RowsQuery<'a> {
        let (bounds, since) = match selection {
            RowSelection::KeyRange { after, upto } => (Some(self.key_range(after, upto)), None),
            RowSelection::ChangedSince(since) => (None, Some(since)),
        };
        // A primary does not use the cursor limit of a read on a standby. There, transaction ids alone find new rows.
        let trusted = since.filter(|since| snapshot.in_recovery || !since.in_recovery);

        RowsQuery {
            query: self.query(),
            schema: &self.table.source.schema,
            name: &self.table.source.name,
            is_time: self.cursor_column.is_time(),
            has_zone: self.cursor_column.has_zone(),
            key: self.key(),
            is_unique: self.catalogue.is_unique,
            highest: snapshot.highest,
            epoch: snapshot.epoch(),
            bounds,
            cursor_from: trusted.and_then(|since| since.upto.clone()),
            last_snapshot: since.map(|since| since.snapshot.clone()),
        }
    }

    /// The keys after one and up to another.
    pub(super) fn key_range(
        &self,
        after: Option<Vec<String>>,
        upto: Option<Vec<String>>,
    ) -> KeyRange {
        KeyRange {
            columns: self.catalogue.range_key.clone(),
            after,
            upto,
        }
    }
}
