//! The full refresh: the whole query, built aside and published by one commit.

use std::collections::BTreeMap;

use icefront_project::Materialized;
use icefront_scopes::is_comparable;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::analysis::{Analysis, columns_of, kept};
use super::changed_rows::Named;
use super::data_tests::Tested;
use super::incremental::{key_of, snapshot_of};
use super::inputs::Input;
use super::refresh::Refresh;
use crate::error::{Error, Result};
use crate::landing;
use crate::pipeline::Names;
use crate::publish::Committed;
use crate::sql::{TableName, render};
use crate::state::{ModelColumn, RefreshAction, Refreshed};

/// The columns of the table of changes beside the model's own, and those of the query that finds them.
const RESERVED: [&str; 7] = [
    "_change_type",
    "_key_rows",
    "_copy",
    "_copies",
    "_new",
    "_came",
    "_went",
];

/// The context of `models/build.sql`.
#[derive(Serialize)]
struct BuildContext<'a> {
    build: &'a TableName,
    sql: &'a str,
    properties: &'a BTreeMap<String, Value>,
}

/// The context of `models/publish_build.sql` and `marts/rename_build.sql`.
#[derive(Serialize)]
struct PublishContext<'a> {
    table: &'a TableName,
    build: &'a TableName,
    properties: &'a BTreeMap<String, Value>,
}

/// The context of `models/repeated_keys.sql`.
#[derive(Serialize)]
struct RepeatedContext<'a> {
    table: &'a TableName,
    key_columns: Vec<Named<'a>>,
}

#[derive(Deserialize)]
struct RepeatedRow {
    rows: i64,
}

impl Refresh<'_> {
    /// Computes the whole model. A table that exists is replaced by one commit.
    pub(super) async fn make_whole(&mut self, reason: String) -> Result<Refreshed> {
        let publisher = self.model.publisher;
        let reading = self
            .present
            .latest(self.model.as_of, self.model.snapshots, publisher)
            .await?;
        let analysis = self.analysis().await?;
        self.refuse_reads(&self.model.model.sql).await?;
        self.check_tables(&analysis).await?;
        let sql = self.query_at(&analysis, &reading)?;
        let build = Names::build(&self.table);
        self.take_place().await?;
        publisher.resolve(&build).await?;
        publisher.refuse_table_of_others(&build).await?;
        let make = self.build_sql(&sql)?;
        let outcome = publisher.run(&build, &make).await?;
        let columns = columns_of(&[&build], publisher).await?.pop();
        let columns = kept(&columns.unwrap_or_default());
        self.check_contract(&columns)?;
        self.check_key(&build, &columns).await?;
        self.test(Tested::Built(&build), &columns).await?;
        let rows = outcome
            .update_count
            .and_then(|rows| i64::try_from(rows).ok());
        let refreshed = Refreshed {
            action: RefreshAction::Full,
            reason: Some(reason),
            made_of: self.made_of.clone(),
            columns,
            reading,
            scopes: None,
            changed: None,
            changes_since: None,
            covered_batch: self.present.covered_batch(),
        };
        publisher.store.begin_refresh(&self.id, &refreshed).await?;
        let committed = self.publish_build(&build).await?;
        let snapshot = snapshot_of(&committed)?;
        self.record(refreshed.clone(), Some(snapshot), rows, &[committed])
            .await?;

        Ok(refreshed)
    }

    /// The statement that makes the build by a query.
    pub(super) fn build_sql(&self, sql: &str) -> Result<String> {
        render(
            "models/build.sql",
            BuildContext {
                build: &Names::build(&self.table),
                sql,
                properties: &self.model.model.config.properties,
            },
        )
    }

    /// The statement that puts the build in the place of the table: by its name where no table is, else by a copy.
    pub(super) fn publish_sql(&self, is_by_name: bool) -> Result<String> {
        let statement = if is_by_name {
            "marts/rename_build.sql"
        } else {
            "models/publish_build.sql"
        };

        render(
            statement,
            PublishContext {
                table: &self.table,
                build: &Names::build(&self.table),
                properties: &self.model.model.config.properties,
            },
        )
    }

    /// Refuses a query that reads a table which nobody watches for changes. A query that was analysed reads none.
    async fn check_tables(&self, analysis: &Analysis) -> Result<()> {
        // A declared source without snapshots may be a view, whose tables Trino lists in its place. It counts as changed at each refresh.
        let mut inputs = self.present.inputs.values();
        let reads_view = inputs
            .any(|present| present.input == Input::Declared && present.reading.snapshot.is_none());
        if analysis.query.is_ok() || reads_view {
            return Ok(());
        }
        let tables = self
            .model
            .publisher
            .tables_read(&self.model.model.sql)
            .await?;
        let known: Vec<String> = self
            .present
            .inputs
            .iter()
            .flat_map(|(table, present)| [table, &present.stored])
            .map(|table| table.to_string().to_lowercase())
            .collect();
        let unknown = tables
            .iter()
            .map(ToString::to_string)
            .find(|name| !known.contains(name));

        unknown.map_or(Ok(()), |name| {
            Err(self.broken(format!(
                "it reads `{name}` by its name, so nobody sees when that changes; use `ref`, or declare a source and use `source`"
            )))
        })
    }

    async fn check_key(&self, build: &TableName, columns: &[ModelColumn]) -> Result<()> {
        let config = &self.model.model.config;
        if config.materialized != Materialized::Incremental {
            return Ok(());
        }
        let key = key_of(columns, &config.unique_key).map_err(|name| {
            self.broken(format!(
                "its `unique_key` names `{name}`, which is no column of it"
            ))
        })?;
        if let Some(column) = key.iter().find(|column| !is_comparable(&column.data_type)) {
            return Err(self.broken(format!(
                "its `unique_key` has the column `{}` of type {}, whose values cannot be compared exactly; cast it, or choose another column",
                column.name, column.data_type
            )));
        }
        if let Some(column) = columns
            .iter()
            .find(|column| RESERVED.contains(&column.name.as_str()))
        {
            return Err(self.broken(format!(
                "its column `{}` has a name that the table of changes needs; rename it",
                column.name
            )));
        }
        let context = RepeatedContext {
            table: build,
            key_columns: key
                .into_iter()
                .map(|column| Named { name: &column.name })
                .collect(),
        };
        let row: RepeatedRow = self
            .model
            .publisher
            .row("models/repeated_keys.sql", context)
            .await?;
        if row.rows > 0 {
            return Err(self.not_unique(row.rows));
        }

        Ok(())
    }

    /// Puts the build in the place of the table: by its name where nothing is there, else by one commit.
    async fn publish_build(&self, build: &TableName) -> Result<Committed> {
        let publisher = self.model.publisher;
        let was_view = self.drop_if("VIEW").await?;
        if !self.has_its_place() || was_view {
            let rename = self.publish_sql(true)?;
            match publisher.run(build, &rename).await {
                Ok(_) => {
                    let last = publisher.last_commit(&self.table).await?;
                    return last.ok_or_else(|| {
                        Error::internal(format!("the build of `{}` is gone", self.table))
                    });
                }
                // An earlier attempt gave it its name and could not record that.
                Err(Error::Trino(failure)) if failure.name == "TABLE_ALREADY_EXISTS" => {}
                Err(error) => return Err(error),
            }
        }
        let copy = self.publish_sql(false)?;
        let committed = publisher.remake_unrecorded(&self.table, &copy).await?;
        landing::drop_table(publisher, build).await?;

        Ok(committed)
    }
}
