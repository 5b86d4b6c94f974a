//! The incremental refresh: finds the affected scopes, computes them again, and publishes the differences in one commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use icefront_scopes::{Column, Images, InputId, Moment, Reason};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Analysis;
use super::analysis::plainly;
use super::changed_rows::{ChangedInput, Named, named, table_at, table_before};
use super::data_tests::Tested;
use super::refresh::{
    Changes, NotIncremental, Refresh, moment, rows_after, scoped, table_of, what_changed,
};
use super::scopes::{Scopes, refused};
use crate::error::{Error, Result};
use crate::landing;
use crate::pipeline::Names;
use crate::publish::Committed;
use crate::sql::{TableName, render};
use crate::state::{ChangedRows, ModelColumn, Reading, RefreshAction, Refreshed};

/// The context of `models/differences.sql`.
#[derive(Serialize)]
struct DifferencesContext<'a> {
    table: &'a TableName,
    changes: &'a TableName,
    columns: &'a [ModelColumn],
    key_columns: &'a [Named<'a>],
    scope: &'a [Named<'a>],
    scopes: &'a str,
    with_null: bool,
    recomputed: &'a str,
}

/// The context of `models/count_changes.sql`.
#[derive(Serialize)]
struct CountChangesContext<'a> {
    changes: &'a TableName,
    key_columns: &'a [Named<'a>],
}

#[derive(Deserialize)]
struct CountChangesRow {
    inserted: i64,
    updated: i64,
    deleted: i64,
    repeated: i64,
    null_keys: Vec<bool>,
}

/// The context of `models/merge.sql`.
#[derive(Serialize)]
struct MergeContext<'a> {
    table: &'a TableName,
    changes: &'a TableName,
    columns: &'a [ModelColumn],
    key_columns: Vec<MergedKey<'a>>,
    value_columns: Vec<&'a ModelColumn>,
}

#[derive(Serialize)]
struct MergedKey<'a> {
    name: &'a str,
    data_type: &'a str,
    may_be_null: bool,
    /// A value that stands for null, beside a flag. Types without one are compared null by null, which is slow.
    blank: Option<&'static str>,
}

/// A refresh of scopes, as far as it is known before they are found.
pub(super) struct Prepared {
    analysis: Arc<Analysis>,
    reading: Reading,
    change: Change,
}

impl Prepared {
    pub(super) fn model(&self) -> Result<&icefront_scopes::Model, NotIncremental> {
        scoped(&self.analysis)
    }

    /// How the affected scopes are found.
    pub(super) fn affected(&self) -> Result<icefront_scopes::Affected, NotIncremental> {
        self.change.affected(self.model()?)
    }

    /// The query that computes scopes again.
    pub(super) fn recomputed(&self, scopes: &Scopes) -> Result<String, NotIncremental> {
        self.change.recomputed(self.model()?, scopes)
    }
}

/// What changed since the last refresh.
struct Change {
    /// The tables as they stand in FROM, by input.
    tables: Vec<String>,
    /// The same at the last refresh.
    tables_before: Vec<String>,
    images: BTreeMap<InputId, Images>,
    last: Moment,
    now: Moment,
}

impl Change {
    fn affected(
        &self,
        model: &icefront_scopes::Model,
    ) -> Result<icefront_scopes::Affected, NotIncremental> {
        self.as_refresh(|refresh| model.affected(refresh))
    }

    fn recomputed(
        &self,
        model: &icefront_scopes::Model,
        scopes: &Scopes,
    ) -> Result<String, NotIncremental> {
        self.as_refresh(|refresh| model.recomputed(refresh, &scopes.text, scopes.with_null))
    }

    fn as_refresh<T>(
        &self,
        ask: impl FnOnce(&icefront_scopes::Refresh<'_>) -> Result<T, Reason>,
    ) -> Result<T, NotIncremental> {
        let refresh = icefront_scopes::Refresh {
            table: &|input| self.tables[input].clone(),
            table_before: &|input| self.tables_before[input].clone(),
            images: &|input| self.images.get(&input).cloned(),
            last: &self.last,
            now: &self.now,
        };

        ask(&refresh).map_err(|reason| NotIncremental::Full(plainly(&reason)))
    }
}

impl Refresh<'_> {
    /// Looks up what the affected scopes are found and computed by.
    pub(super) async fn prepare(&mut self, changes: &Changes) -> Result<Prepared, NotIncremental> {
        let earlier = &changes.earlier;
        let analysis = self.analysis().await?;
        let reading = self
            .present
            .recorded(
                self.model.as_of,
                earlier,
                &changes.tables,
                self.model.snapshots,
                self.model.publisher,
            )
            .await?;
        scoped(&analysis)?;
        let images = self.images(&analysis, earlier, &changes.tables).await?;
        let tables = self.tables_at(&analysis, &reading)?;
        let tables_before = self.tables_before(&analysis, earlier)?;
        let now = moment(reading.as_of)?;
        let last = if changes.has_time_moved {
            moment(earlier.as_of)?
        } else {
            now.clone()
        };

        Ok(Prepared {
            analysis,
            reading,
            change: Change {
                tables,
                tables_before,
                images,
                last,
                now,
            },
        })
    }

    /// Computes the affected scopes again, and publishes how their rows differ.
    pub(super) async fn by_scopes(
        &mut self,
        changes: &Changes,
    ) -> Result<Refreshed, NotIncremental> {
        let prepared = self.prepare(changes).await?;
        let model = prepared.model()?;
        let affected = prepared.affected()?;
        if let Some(is_same) = &affected.is_same {
            self.check_is_same(is_same).await?;
        }
        let reading = prepared.reading.clone();
        let action = if changes.tables.is_empty() {
            RefreshAction::Time
        } else {
            RefreshAction::Incremental
        };
        let reason = Some(what_changed(&changes.tables));
        let scopes = match &affected.scopes {
            None => None,
            Some(affected) => self.scopes(model.scope(), affected).await?,
        };
        let Some(scopes) = scopes else {
            return Ok(self.keep(reading, action, reason).await?);
        };
        let recomputed = prepared.recomputed(&scopes)?;
        let scope: Vec<Column> = model.scope().into_iter().cloned().collect();
        let refreshed = Refreshed {
            action,
            reason,
            made_of: self.made_of.clone(),
            columns: self.state.columns.clone(),
            reading,
            scopes: Some(scopes.count),
            changed: None,
            changes_since: self.state.snapshot.clone(),
            covered_batch: self.present.covered_batch(),
        };

        self.publish(refreshed, &scope, &scopes, &recomputed).await
    }

    /// The tables as the last refresh read them, by input, as they stand in FROM.
    fn tables_before(&self, analysis: &Analysis, earlier: &Reading) -> Result<Vec<String>> {
        let inputs = analysis.inputs.iter().zip(&analysis.columns);

        inputs
            .map(|(read, columns)| {
                let present = &self.present.inputs[&read.table];
                match earlier.inputs.get(&read.table.to_string()) {
                    Some(before) => table_before(present, before, columns),
                    None => table_at(present, &present.reading),
                }
            })
            .collect()
    }

    /// A subquery that no equality links to the scope must have the result that it had.
    async fn check_is_same(&self, is_same: &str) -> Result<(), NotIncremental> {
        let query = is_same_sql(is_same)?;
        let rows = self.model.publisher.read(&query).await.map_err(refused)?;
        let value = rows.first().and_then(|row| row.first());
        let is_same = value
            .and_then(Value::as_bool)
            .ok_or_else(|| Error::internal("a comparison of subqueries without a result"))?;
        if is_same {
            return Ok(());
        }

        Err(NotIncremental::Full(plainly(&Reason::NotLinkedSubquery)))
    }

    async fn images(
        &self,
        analysis: &Analysis,
        earlier: &Reading,
        changed: &BTreeSet<TableName>,
    ) -> Result<BTreeMap<InputId, Images>, NotIncremental> {
        let mut images = BTreeMap::new();
        for input in 0..analysis.inputs.len() {
            let table = table_of(analysis, input);
            if !changed.contains(table) {
                continue;
            }
            let Some(before) = earlier.inputs.get(&table.to_string()) else {
                return Err(NotIncremental::Full(format!("it did not read `{table}`")));
            };
            let changed = ChangedInput {
                names: self.model.names,
                present: &self.present.inputs[table],
                columns: &analysis.columns[input],
                before,
                publisher: self.model.publisher,
            };
            let found = changed.images().await?.map_err(NotIncremental::Full)?;
            images.insert(input, found);
        }

        Ok(images)
    }

    async fn publish(
        &self,
        mut refreshed: Refreshed,
        scope: &[Column],
        scopes: &Scopes,
        recomputed: &str,
    ) -> Result<Refreshed, NotIncremental> {
        let publisher = self.model.publisher;
        let changes = Names::changes(&self.table);
        let columns = &self.state.columns;
        let keys = self.key_columns()?;
        let key_columns = named_keys(&keys);
        publisher.store.forget_changes(&self.id).await?;
        publisher.resolve(&changes).await?;
        let differences = self.differences_sql(scope, scopes, recomputed)?;
        let found = publisher.run(&changes, &differences).await.map_err(refused);
        if scopes.is_table && !matches!(found, Err(NotIncremental::Failed(_))) {
            landing::drop_table(publisher, &Names::scopes(&self.table)).await?;
        }
        let found = found?;
        if found.update_count == Some(0) {
            refreshed.changed = Some(ChangedRows::default());
            refreshed.changes_since = None;
            self.record(refreshed.clone(), None, None, &[]).await?;
            return Ok(refreshed);
        }
        let context = CountChangesContext {
            changes: &changes,
            key_columns: &key_columns,
        };
        let counted: CountChangesRow = publisher.row("models/count_changes.sql", context).await?;
        if counted.repeated > 0 {
            return Err(self.not_unique(counted.repeated).into());
        }
        self.test(Tested::Changes, columns).await?;
        let expected = ChangedRows {
            inserted: counted.inserted,
            updated: counted.updated,
            deleted: counted.deleted,
        };
        refreshed.changed = Some(expected);
        let merge = self.merge_sql(&counted.null_keys)?;
        publisher.store.begin_refresh(&self.id, &refreshed).await?;
        let committed = publisher.merge_unrecorded(&self.table, &merge).await?;
        let acted = expected.inserted + expected.updated + expected.deleted;
        if committed.rows != Some(acted) {
            // Before the statement counts as done: a kill between the two must not leave the table trusted.
            publisher.store.forget_reading(&self.id).await?;
            publisher.record(&committed).await?;
            return Err(NotIncremental::Failed(Error::Unbalanced {
                detail: format!(
                    "model `{}` was to change {acted} rows, and Trino changed {}; the next refresh builds it again. Does something else write to `{}`?",
                    self.id,
                    committed.rows.unwrap_or_default(),
                    self.table
                ),
            }));
        }
        let snapshot = snapshot_of(&committed)?;
        let rows = rows_after(self.state.rows, expected);
        self.record(refreshed.clone(), Some(snapshot), rows, &[committed])
            .await?;

        Ok(refreshed)
    }

    /// The statement that keeps how the rows of scopes differ.
    pub(super) fn differences_sql(
        &self,
        scope: &[Column],
        scopes: &Scopes,
        recomputed: &str,
    ) -> Result<String> {
        let keys = self.key_columns()?;

        render(
            "models/differences.sql",
            DifferencesContext {
                table: &self.table,
                changes: &Names::changes(&self.table),
                columns: &self.state.columns,
                key_columns: &named_keys(&keys),
                scope: &named(scope),
                scopes: &scopes.text,
                with_null: scopes.with_null,
                recomputed,
            },
        )
    }

    /// The statement that publishes the differences. `null_keys` says of each column of the key whether it may be null.
    pub(super) fn merge_sql(&self, null_keys: &[bool]) -> Result<String> {
        let keys = self.key_columns()?;
        let columns = &self.state.columns;

        render(
            "models/merge.sql",
            MergeContext {
                table: &self.table,
                changes: &Names::changes(&self.table),
                columns,
                key_columns: merged_keys(&keys, null_keys),
                value_columns: columns
                    .iter()
                    .filter(|column| !keys.contains(column))
                    .collect(),
            },
        )
    }

    /// The columns of the unique key, as the table has them.
    pub(super) fn key_columns(&self) -> Result<Vec<&ModelColumn>> {
        key_of(&self.state.columns, &self.model.model.config.unique_key).map_err(|name| {
            self.broken(format!(
                "its `unique_key` names `{name}`, which is no column of it"
            ))
        })
    }

    pub(super) fn not_unique(&self, rows: i64) -> Error {
        self.broken(format!(
            "its `unique_key` ({}) is not unique: {rows} rows would share their key with another row; nothing was published. Change the query, or name more columns",
            self.model.model.config.unique_key.join(", ")
        ))
    }
}

/// The statement that compares the result of a subquery with the one that it had.
pub(super) fn is_same_sql(is_same: &str) -> Result<String> {
    render("models/is_same.sql", json!({"is_same": is_same}))
}

fn named_keys<'a>(keys: &[&'a ModelColumn]) -> Vec<Named<'a>> {
    keys.iter()
        .map(|column| Named { name: &column.name })
        .collect()
}

/// The columns of a key; the name of one that is missing.
pub(super) fn key_of<'a>(
    columns: &'a [ModelColumn],
    key: &'a [String],
) -> Result<Vec<&'a ModelColumn>, &'a str> {
    key.iter()
        .map(|name| {
            columns
                .iter()
                .find(|column| column.name.eq_ignore_ascii_case(name))
                .ok_or(name.as_str())
        })
        .collect()
}

fn merged_keys<'a>(keys: &[&'a ModelColumn], null_keys: &[bool]) -> Vec<MergedKey<'a>> {
    keys.iter()
        .zip(null_keys)
        .map(|(column, may_be_null)| MergedKey {
            name: &column.name,
            data_type: &column.data_type,
            may_be_null: *may_be_null,
            blank: blank(&column.data_type),
        })
        .collect()
}

/// A text that can be cast to a type.
fn blank(data_type: &str) -> Option<&'static str> {
    Some(
        match data_type.split('(').next().unwrap_or_default().trim() {
            "boolean" => "false",
            "date" => "1970-01-01",
            "uuid" => "00000000-0000-0000-0000-000000000000",
            "time" => "00:00:00",
            "timestamp" if data_type.ends_with("zone") => "1970-01-01 00:00:00 UTC",
            "timestamp" => "1970-01-01 00:00:00",
            "varchar" => "",
            "tinyint" | "smallint" | "integer" | "bigint" | "decimal" | "real" | "double" => "0",
            _ => return None,
        },
    )
}

/// The snapshot that a statement made which changed rows.
pub(super) fn snapshot_of(committed: &Committed) -> Result<String> {
    let snapshot = committed.snapshot.clone();

    snapshot.ok_or_else(|| Error::internal("a statement changed rows and made no snapshot"))
}
