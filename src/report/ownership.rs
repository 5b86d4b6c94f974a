//! Whose a table in Trino is: this pipeline's, another pipeline's, or somebody else's.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::json;

use super::leftovers::{Existing, Leftover, trino_name};
use super::written::WrittenTables;
use crate::app::App;
use crate::error::Result;
use crate::landing::LANDING_COLUMNS;
use crate::sql::TableName;

/// A row of `marts/writers.sql`.
#[derive(Deserialize)]
struct WriterRow {
    query_id: String,
}

/// The row of `marts/has_columns.sql`.
#[derive(Deserialize)]
struct FoundRow {
    found: i64,
}

/// Which tables others write: a definition declares them, or another pipeline wrote them since.
pub(super) struct Others {
    declared: BTreeMap<String, String>,
    taken_over: HashMap<String, String>,
}

impl Others {
    pub(super) async fn find(app: &App, leftover: &Leftover, tables: &[&String]) -> Result<Self> {
        let pipeline = &leftover.id.pipeline;
        let tables: Vec<String> = tables.iter().map(|table| (*table).clone()).collect();

        Ok(Self {
            declared: app.pipelines.declared_tables(&app.config),
            taken_over: app.store.taken_over(pipeline, &tables).await?,
        })
    }

    pub(super) fn writer_of(&self, table: &str) -> Option<&String> {
        let declared = self.declared.get(&table.to_lowercase());

        declared.or_else(|| self.taken_over.get(table))
    }
}

/// Tells the tables of a pipeline from those of others.
pub(super) struct OwnTables<'a> {
    pub(super) app: &'a App,
    pub(super) pipeline: &'a str,
    pub(super) written: &'a WrittenTables,
    pub(super) existing: &'a Existing,
}

impl OwnTables<'_> {
    /// The name of a table that exists, and whether it is a view.
    pub(super) fn existing(&self, table: &str) -> Option<(TableName, bool)> {
        let is_view = self.existing.get(&table.to_lowercase())?;

        Some((trino_name(table)?, *is_view))
    }

    /// Why it counts as somebody else's; `None` if a run of this pipeline wrote what is there now.
    pub(super) async fn foreign(
        &self,
        table: &str,
        name: &TableName,
        is_view: bool,
    ) -> Result<Option<String>> {
        let Self { app, pipeline, .. } = self;
        if is_view {
            let is_ours = app.store.has_made_view(pipeline, table).await?;
            let detail = format!(
                "it is a view, and no run of `{pipeline}` made one of this name; drop it yourself if nobody needs it"
            );
            return Ok((!is_ours).then_some(detail));
        }
        let landing: BTreeSet<TableName> = self.written.landing().collect();
        // `add_files` notes no statement in its snapshots.
        if landing.contains(name) && self.has_landing_columns(name).await? {
            return Ok(None);
        }
        let context = json!({"snapshots": name.metadata("snapshots")});
        let writers = app
            .trino
            .rows::<WriterRow>("icefront/api", "marts/writers.sql", context);
        let ids: Vec<String> = writers.await?.into_iter().map(|row| row.query_id).collect();
        // A build gets the name of the table that it replaces.
        let targets = self.written.targets();
        let is_ours = app.store.has_sent(pipeline, &targets, &ids).await?;
        let detail = format!(
            "no run of `{pipeline}` made any of its snapshots; drop it yourself if nobody needs it"
        );

        Ok((!is_ours).then_some(detail))
    }

    async fn has_landing_columns(&self, name: &TableName) -> Result<bool> {
        let [catalog, schema, table] = [0, 1, 2].map(|part| name.0[part].to_lowercase());
        let context = json!({
            "columns_of": [catalog, "information_schema", "columns"],
            "schema": schema,
            "table": table,
            "columns": LANDING_COLUMNS,
        });
        let row: FoundRow = self
            .app
            .trino
            .row("icefront/api", "marts/has_columns.sql", context)
            .await?;

        Ok(usize::try_from(row.found) == Ok(LANDING_COLUMNS.len()))
    }
}
