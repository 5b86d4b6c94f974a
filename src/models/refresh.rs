//! One refresh of a model: what changed decides how it is done.

use std::collections::BTreeSet;
use std::sync::Arc;

use icefront_project::{Materialized, Model};
use icefront_scopes::{InputId, Moment};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::analysis::plainly;
use super::changed_rows::table_at;
use super::inputs::Inputs;
use super::last::written;
use super::reading::Present;
use super::{Analyses, Analysis, Shape, Snapshots};
use crate::error::{Error, Result};
use crate::pipeline::{Definition, Names, TableId};
use crate::publish::{Committed, Publisher};
use crate::sql::TableName;
use crate::state::{
    ChangedRows, EndedRefresh, EndedStatement, ModelColumn, ModelState, Reading, RefreshAction,
    Refreshed,
};

/// A model with all that a refresh of it needs.
#[derive(Debug, Clone, Copy)]
pub struct Refreshing<'a> {
    pub definition: &'a Definition,
    pub names: &'a Names<'a>,
    pub model: &'a Model,
    pub publisher: Publisher<'a>,
    pub analyses: &'a Analyses,
    pub snapshots: &'a Snapshots,
    /// What `current_timestamp` stands for.
    pub as_of: Timestamp,
    /// Whether the whole model is computed, whatever changed.
    pub is_full: bool,
}

/// A refresh that has looked at its inputs.
pub struct Refresh<'a> {
    pub(super) model: Refreshing<'a>,
    pub(super) id: TableId,
    pub(super) table: TableName,
    pub(super) began: Timestamp,
    pub(super) state: ModelState,
    pub(super) inputs: Inputs,
    pub(super) present: Present,
    pub(super) made_of: Value,
}

/// What a refresh does.
pub(super) enum Way {
    /// The view is made, or stays as it is.
    View,
    /// Nothing changed since this reading.
    Nothing(Reading),
    /// All of the table is computed, for this reason.
    Whole(String),
    /// The affected scopes are computed.
    Scopes(Changes),
}

/// What changed since the last refresh.
pub(super) struct Changes {
    /// What the last refresh read.
    pub(super) earlier: Reading,
    pub(super) tables: BTreeSet<TableName>,
    pub(super) has_time_moved: bool,
}

/// Why a refresh does not compute only some scopes.
pub(super) enum NotIncremental {
    /// It is computed in full, for this reason.
    Full(String),
    Failed(Error),
}

impl From<Error> for NotIncremental {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Refreshing<'_> {
    /// Brings the model's table to what its query says over its inputs as they are.
    pub async fn run(self) -> Result<Refreshed> {
        Refresh::begin(self).await?.run().await
    }
}

impl<'a> Refresh<'a> {
    /// Settles what an earlier refresh left, and looks at the inputs.
    pub(super) async fn begin(model: Refreshing<'a>) -> Result<Self> {
        let mut refresh = Self::of(model).await?;
        refresh.settle().await?;
        refresh.look().await?;

        Ok(refresh)
    }

    /// Looks at the inputs, and writes nothing.
    pub(super) async fn observe(model: Refreshing<'a>) -> Result<Self> {
        let mut refresh = Self::of(model).await?;
        refresh.look().await?;

        Ok(refresh)
    }

    async fn of(model: Refreshing<'a>) -> Result<Self> {
        let id = TableId::new(&model.definition.name, &model.model.name);

        Ok(Self {
            model,
            state: model.publisher.store.model(&id).await?,
            id,
            table: Names::model(model.model),
            began: Timestamp::now(),
            inputs: Inputs::of(model.definition, model.names, model.model),
            present: Present::default(),
            made_of: Value::Null,
        })
    }

    async fn look(&mut self) -> Result<()> {
        let Refreshing {
            definition,
            snapshots,
            publisher,
            ..
        } = self.model;
        let present = Present::of(definition, &self.id, &self.inputs, snapshots, publisher);
        self.present = present.await?;
        self.made_of = self.definition();

        Ok(())
    }

    async fn run(mut self) -> Result<Refreshed> {
        match self.way(&BTreeSet::new()).await? {
            Way::View => self.make_view().await,
            Way::Nothing(earlier) => self.keep(earlier, RefreshAction::NoData, None).await,
            Way::Whole(reason) => self.make_whole(reason).await,
            Way::Scopes(changes) => match self.by_scopes(&changes).await {
                Ok(refreshed) => Ok(refreshed),
                Err(not) => {
                    let reason = self.whole_instead(not)?;
                    self.make_whole(reason).await
                }
            },
        }
    }

    /// Why nothing of the table can be kept; `None` if it can.
    pub(super) fn whole_because(&self) -> Option<String> {
        let Some(made_of) = &self.state.made_of else {
            return Some("it is built for the first time".into());
        };
        if self.model.is_full {
            return Some("a full refresh was asked for".into());
        }
        let is_view = self.model.model.config.materialized == Materialized::View;
        if !is_view && (self.state.reading.is_none() || self.state.snapshot.is_none()) {
            return Some("what its table holds is not known".into());
        }

        (*made_of != self.made_of).then(|| changed_part(made_of, &self.made_of))
    }

    /// Decides what the changes of definition, inputs and time ask for. `expected` are tables that will have changed, too.
    pub(super) async fn way(&self, expected: &BTreeSet<TableName>) -> Result<Way> {
        let config = &self.model.model.config;
        if config.materialized == Materialized::View {
            return Ok(Way::View);
        }
        if let Some(reason) = self.whole_because() {
            return Ok(Way::Whole(reason));
        }
        let earlier = self
            .state
            .reading
            .clone()
            .ok_or_else(|| Error::internal("a model without a reading"))?;
        self.check_contract(&self.state.columns)?;
        let mut tables = self
            .present
            .changed_since(&earlier, self.model.definition, self.model.publisher)
            .await?;
        let inputs = self.present.inputs.keys();
        tables.extend(inputs.filter(|table| expected.contains(*table)).cloned());
        let has_time_moved = self.has_time_moved(&earlier).await?;
        if tables.is_empty() && !has_time_moved {
            return Ok(Way::Nothing(earlier));
        }
        let what = what_changed(&tables);
        if config.materialized == Materialized::Table {
            return Ok(Way::Whole(format!(
                "{what}, and it is materialized as a table"
            )));
        }
        if config.refresh == icefront_project::Refresh::Full {
            return Ok(Way::Whole(format!(
                "{what}, and its configuration says `refresh: full`"
            )));
        }

        Ok(Way::Scopes(Changes {
            earlier,
            tables,
            has_time_moved,
        }))
    }

    /// Why the whole table is computed where its scopes cannot be.
    pub(super) fn whole_instead(&self, not: NotIncremental) -> Result<String> {
        let reason = match not {
            NotIncremental::Full(reason) => reason,
            NotIncremental::Failed(error) => return Err(error),
        };
        if self.model.model.config.refresh == icefront_project::Refresh::Strict {
            return Err(self.broken(format!(
                "its configuration says `refresh: strict`, but it would be computed in full: {reason}; change the query, or write `refresh: auto`"
            )));
        }

        Ok(reason)
    }

    /// Whether the last refresh wrote a table or view of this name.
    pub(super) fn has_its_place(&self) -> bool {
        let made_of = self.state.made_of.as_ref();

        made_of.is_some_and(|made_of| made_of["table"] == self.made_of["table"])
    }

    /// What the table is made by. Another one means that it is built again.
    fn definition(&self) -> Value {
        let inputs: serde_json::Map<String, Value> = self
            .present
            .inputs
            .iter()
            .map(|(table, present)| (table.to_string(), json!(present.columns)))
            .collect();
        let Refreshing {
            definition, model, ..
        } = self.model;
        let mut made_of = written(definition, model, &self.inputs.views);
        made_of["inputs"] = Value::Object(inputs);

        made_of
    }

    pub(super) async fn analysis(&self) -> Result<Arc<Analysis>> {
        let Refreshing {
            model,
            analyses,
            publisher,
            ..
        } = self.model;

        let analysis = analyses
            .of(
                &self.id,
                model,
                &self.inputs,
                &self.state,
                &self.made_of,
                publisher,
            )
            .await?;
        for (read, columns) in analysis.inputs.iter().zip(&analysis.columns) {
            let is_there =
                |wanted: &ModelColumn| columns.iter().any(|column| column.name == wanted.name);
            let expected = &self.present.inputs[&read.table].columns;
            if let Some(missing) = expected.iter().find(|wanted| !is_there(wanted)) {
                analyses.forget(&self.id);
                return Err(self.broken(format!(
                    "`{}` has no column `{}` yet; start a run of pipeline `{}`",
                    read.table, missing.name, self.id.pipeline
                )));
            }
        }

        Ok(analysis)
    }

    /// The whole query over what the refresh reads. One that is not understood reads its tables as they are.
    pub(super) fn query_at(&self, analysis: &Analysis, reading: &Reading) -> Result<String> {
        let Ok(query) = &analysis.query else {
            return Ok(self.model.model.sql.clone());
        };
        let tables = self.tables_at(analysis, reading)?;

        Ok(query.at(&|input| tables[input].clone(), &moment(reading.as_of)?))
    }

    /// The tables of a reading, by input, as they stand in FROM.
    pub(super) fn tables_at(&self, analysis: &Analysis, reading: &Reading) -> Result<Vec<String>> {
        analysis
            .inputs
            .iter()
            .map(|read| {
                let present = &self.present.inputs[&read.table];
                let at = reading.inputs.get(&read.table.to_string());
                table_at(present, at.unwrap_or(&present.reading))
            })
            .collect()
    }

    /// Records a refresh that left the table as it is.
    pub(super) async fn keep(
        &self,
        earlier: Reading,
        action: RefreshAction,
        reason: Option<String>,
    ) -> Result<Refreshed> {
        let refreshed = self.kept(earlier, action, reason);
        self.record(refreshed.clone(), None, None, &[]).await?;

        Ok(refreshed)
    }

    /// A refresh that leaves the table as it is.
    pub(super) fn kept(
        &self,
        reading: Reading,
        action: RefreshAction,
        reason: Option<String>,
    ) -> Refreshed {
        Refreshed {
            action,
            reason,
            made_of: self.made_of.clone(),
            columns: self.state.columns.clone(),
            reading,
            scopes: None,
            changed: Some(ChangedRows::default()),
            changes_since: self.state.changes_since.clone(),
            covered_batch: self.present.covered_batch(),
        }
    }

    pub(super) async fn record(
        &self,
        refreshed: Refreshed,
        snapshot: Option<String>,
        rows: Option<i64>,
        committed: &[Committed],
    ) -> Result<()> {
        let statements = committed.iter().filter_map(|made| {
            let end = made.end();
            made.statement.map(|id| EndedStatement { id, end })
        });
        let ended = EndedRefresh {
            attempt: self.model.publisher.attempt,
            started_at: self.began,
            refreshed,
            snapshot,
            snapshot_before: committed.iter().find_map(|made| made.parent.clone()),
            key: self.key(),
            rows,
            target_lag: self.model.definition.target_lag(&self.id.name),
            statements: statements.collect(),
        };

        self.model
            .publisher
            .store
            .record_refresh(&self.id, &ended)
            .await
    }

    /// The columns that identify a row of an incremental model; other models have none.
    fn key(&self) -> Vec<String> {
        let config = &self.model.model.config;
        if config.materialized == Materialized::Incremental {
            config.unique_key.clone()
        } else {
            Vec::new()
        }
    }

    /// Refuses a query that would read a schema which the settings do not allow.
    pub(super) async fn refuse_reads(&self, sql: &str) -> Result<()> {
        let Refreshing {
            definition,
            publisher,
            ..
        } = self.model;
        let refusal = publisher.refusal_to_read(definition, sql).await?;

        refusal.map_or(Ok(()), |detail| Err(self.broken(detail)))
    }

    pub(super) fn broken(&self, detail: impl Into<String>) -> Error {
        Error::ModelBroken {
            model: self.id.to_string(),
            detail: detail.into(),
        }
    }
}

/// The inputs that changed, as a reason.
pub(super) fn what_changed(changed: &BTreeSet<TableName>) -> String {
    if changed.is_empty() {
        return "the time moved".into();
    }
    let names: Vec<String> = changed.iter().map(|table| format!("`{table}`")).collect();

    format!("{} changed", names.join(" and "))
}

/// The part of a definition that is another one.
fn changed_part(before: &Value, now: &Value) -> String {
    if before["sql"] != now["sql"] || before["views"] != now["views"] {
        return "its SQL changed".into();
    }
    if before["configuration"] != now["configuration"] || before["table"] != now["table"] {
        return "its configuration changed".into();
    }
    if before["tests"] != now["tests"] {
        return "its tests changed, and all rows are tested".into();
    }
    let is_other = |table: &&String| before["inputs"][*table] != now["inputs"][*table];
    let inputs = now["inputs"].as_object();
    let table = inputs.and_then(|inputs| inputs.keys().find(is_other).cloned());

    match table {
        Some(table) => format!("the columns of `{table}` changed"),
        None => "it reads other tables".into(),
    }
}

/// A time as the analysis writes it, with three digits of the second.
pub(super) fn moment(time: Timestamp) -> Result<Moment> {
    let text = time
        .to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%S%.3f")
        .to_string();

    Moment::parse(&text).ok_or_else(|| Error::internal(format!("`{text}` is no time")))
}

/// The scoped model of an analysis.
pub(super) fn scoped(analysis: &Analysis) -> Result<&icefront_scopes::Model, NotIncremental> {
    match &analysis.shape {
        Shape::Scoped(model) => Ok(model),
        Shape::Full(reason) => Err(NotIncremental::Full(plainly(reason))),
        Shape::Unknown | Shape::Whole => Err(NotIncremental::Full("it has no scope yet".into())),
    }
}

/// The table of an input.
pub(super) fn table_of(analysis: &Analysis, input: InputId) -> &TableName {
    &analysis.inputs[input].table
}

/// The rows of a table after a change, if they were known before.
pub(super) fn rows_after(before: Option<i64>, changed: ChangedRows) -> Option<i64> {
    before.map(|rows| rows + changed.inserted - changed.deleted)
}
