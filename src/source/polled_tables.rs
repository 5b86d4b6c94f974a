//! Tables whose rows tell when they were changed: all rows once, then those that changed since.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::catalogue;
use super::connections::Connections;
use super::cursor::{remembered, same_server};
use super::polled_table::{PolledTable, TablePosition};
use super::row::Copy;
use super::session::Session;
use super::tally::Tally;
use super::{Blocking, Purpose, Reading};
use crate::error::{Error, Result, nearest_name};
use crate::landing::Writer;
use crate::pipeline::Table;
use crate::sql::render;

/// Tables that a connection was opened to.
pub(super) struct PolledTables<'a> {
    pub(super) session: Session<'a>,
    /// The way to the server, and the pipeline that asks.
    pub(super) connections: (&'a Connections, &'a str),
    pub(super) found: Vec<PolledTable<'a>>,
}

/// The cursors of some tables.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Positions {
    system_identifier: String,
    timeline: i32,
    pub(super) tables: BTreeMap<String, TablePosition>,
}

impl<'a> PolledTables<'a> {
    /// Connects and looks at server and tables.
    ///
    /// # Errors
    ///
    /// [`Error::SourceUnavailable`], or [`Error::SourceUnreadable`] that says which table or column is missing.
    pub(super) async fn open(
        connection: &'a str,
        tables: &'a BTreeMap<String, Table>,
        connections: (&'a Connections, &'a str),
    ) -> Result<Self> {
        let session = Session::open(connection, connections).await?;
        let mut found = Vec::new();
        for (name, table) in tables {
            let cursor = table.cursor.as_deref().unwrap_or_default();
            let catalogue = catalogue::polled_table(
                &session.client,
                &table.source,
                &table.key_fields(),
            )
            .await
            .map_err(|cause| session.refused(cause))?
            .ok_or_else(|| Error::SourceUnreadable {
                detail: format!(
                    "connection `{connection}` has no table `{}` that its user may see; mend `tables.{name}.from`, or grant `select`",
                    table.from
                ),
            })?;
            if !catalogue.is_table {
                return Err(Error::SourceUnreadable {
                    detail: format!(
                        "`{}` is a view or a foreign table, whose rows do not tell which transaction wrote them; name the table behind it in `tables.{name}.from`",
                        table.from
                    ),
                });
            }
            if !catalogue.columns.contains_key(cursor) {
                let near = nearest_name(cursor, catalogue.columns.keys().map(String::as_str))
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default();
                return Err(Error::SourceUnreadable {
                    detail: format!(
                        "table `{}` has no column `{cursor}`, which `tables.{name}.cursor` names{near}",
                        table.from
                    ),
                });
            }
            let found_table = PolledTable {
                name,
                table,
                cursor,
                catalogue,
            };
            found_table.check_rises()?;
            found.push(found_table);
        }

        Ok(Self {
            session,
            connections,
            found,
        })
    }

    /// Begins the snapshot that all tables are read in.
    pub(super) async fn begin(
        &self,
        last: Option<&Value>,
        covered_before: Option<Timestamp>,
        purpose: Purpose,
    ) -> Result<Reading> {
        let server = &self.session.server;
        let last: Option<Positions> = remembered(last, self.connections.1)?;
        if let Some(last) = &last {
            same_server(
                (&last.system_identifier, last.timeline),
                (&server.system_identifier, server.timeline),
                self.session.name,
            )?;
        }
        let tables = self.found.iter().map(|found| &found.table.source);
        let snapshot = self.session.begin(&tables.collect::<Vec<_>>()).await?;
        let mut positions = Positions {
            system_identifier: server.system_identifier.clone(),
            timeline: server.timeline,
            // Of tables that only another service's definition has, or another's had, what is known stays.
            tables: last
                .as_ref()
                .map_or_else(BTreeMap::new, |last| last.tables.clone()),
        };
        let mut queries = Vec::new();
        let mut compared = Vec::new();
        let mut is_loading = false;
        for found in &self.found {
            let before = last.as_ref().and_then(|last| last.tables.get(found.name));
            if let Some(before) = before.filter(|before| before.oid != found.catalogue.oid) {
                return Err(Error::SourceReplaced {
                    detail: format!(
                        "`{}` is another table than the one that was read before (oid {} then, {} now), so nothing is read; read it by a pipeline of another name",
                        found.table.from, before.oid, found.catalogue.oid
                    ),
                });
            }
            let before = found.since(before);
            let before = before.as_ref();
            let (position, query) = found
                .next((&self.session, purpose), before, &snapshot)
                .await?;
            if found.is_compared(before, (snapshot.taken_at, purpose)) {
                compared.push(found.name.to_owned());
            }
            let was_loading = before.is_some_and(|before| before.load.is_some());
            is_loading |= position.load.is_some() || was_loading;
            queries.push(query);
            positions.tables.insert(found.name.to_owned(), position);
        }
        if is_loading {
            // Keys are compared with the rows that there are, so not before those that are being loaded are there.
            for name in compared.drain(..) {
                let before = last.as_ref().and_then(|last| last.tables.get(&name));
                if let (Some(position), Some(before)) = (positions.tables.get_mut(&name), before) {
                    position.compared_at = before.compared_at;
                    position.comparisons = before.comparisons;
                }
            }
        }

        Ok(Reading {
            position: serde_json::to_value(&positions).map_err(Error::internal)?,
            read_at: snapshot.taken_at,
            // Of a load that is not over nothing was covered.
            covered_until: match covered_before
                .filter(|before| is_loading || *before > Timestamp::UNIX_EPOCH)
            {
                // What changed while a load went on is read after it.
                before if is_loading => before.unwrap_or(Timestamp::UNIX_EPOCH),
                None => server.settled_until(),
                // A prepared transaction does not tell when it began.
                Some(before) if server.prepared.is_some() => before.min(server.settled_until()),
                Some(before) => before.max(server.settled_until()),
            },
            blocked_by: Blocking::of(
                server,
                server.begun_pid.zip(server.oldest_begun),
                snapshot.taken_at,
            ),
            queries,
            files: Vec::new(),
            is_continued: last.is_some(),
            is_partial: is_loading,
            deleted_at: snapshot.taken_at,
            loads: Vec::new(),
            compared,
        })
    }

    /// Reads every changed row of a reading, tables side by side.
    pub(super) async fn read(
        &self,
        reading: &Reading,
        first: i64,
        (tally, writer): (&mut Tally, &mut Writer<'_>),
    ) -> Result<()> {
        let mut copies = Vec::new();
        for (found, query) in self.found.iter().zip(&reading.queries) {
            // Asked in the snapshot, from which on none is added.
            let columns = self.session.columns_of(&found.table.source).await?;
            copies.push(Copy::of_rows(
                "source/read_rows.sql",
                query.clone(),
                columns,
            )?);
        }
        self.copy_all(&copies, first, (&mut *tally, &mut *writer))
            .await?;
        for query in &reading.queries {
            if query["is_unique"] == false {
                let sql = render("source/not_unique.sql", query)?;
                let row = self.session.client.query_one(&sql, &[]).await;
                let row = row.map_err(|cause| self.session.refused(cause))?;
                tally.not_unique += row.get::<_, i64>(0);
            }
        }

        Ok(())
    }

    /// The columns of a table's key as the source names them.
    pub(super) fn key_fields(&self, table: &str) -> Vec<String> {
        let found = self.found.iter().find(|found| found.name == table);

        found.map_or_else(Vec::new, PolledTable::key_fields)
    }

    /// Reads all keys of a table.
    pub(super) async fn read_keys(
        &self,
        reading: &Reading,
        table: &str,
        writer: &mut Writer<'_>,
    ) -> Result<()> {
        let at = self.found.iter().position(|found| found.name == table);
        let Some(query) = at.and_then(|at| reading.queries.get(at)) else {
            return Ok(());
        };
        let copy = Copy::of_json(render("source/read_keys.sql", query)?);

        self.session
            .copy(&copy, None, (&mut Tally::default(), writer))
            .await
    }
}
