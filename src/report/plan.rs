//! The plan: what the next run would do to tables.

use serde::Serialize;

use super::models::{PlannedModel, plan_model};
use crate::app::App;
use crate::error::{Problem, Result};
use crate::pipeline::{
    CatalogueColumn, Definition, Drift, Evolution, MadeOf, PipelineModel, Table,
};
use crate::source;
use crate::state::TableState;
use crate::warehouse::Slicing;

/// What the next run of a pipeline would do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Plan {
    /// The pipeline.
    pub pipeline: String,
    /// Its tables, by name.
    pub tables: Vec<PlannedTable>,
    /// Its models. A model comes after the models that it reads.
    pub models: Vec<PlannedModel>,
    /// Why the source cannot be asked; then the tables are planned by its catalogue as it was seen last.
    pub error: Option<Problem>,
}

/// What the next run would do to a table.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PlannedTable {
    /// Its name in the API.
    pub table: String,
    /// Whether it is made for the first time.
    pub new: bool,
    /// The fields of `pipeline.yaml` that it takes from `defaults`.
    pub defaults: Vec<&'static str>,
    /// Batches that landed and are not staged yet.
    pub waiting_batches: i64,
    /// How its columns would change, or not, by what the source and the definition have now. Differences that were seen by
    /// earlier runs carry those runs' ids.
    pub drift: Vec<Drift>,
    /// The size of the build, if the next run builds or remakes the tables.
    pub build: Option<PlannedBuild>,
    /// Why it would be refused, and what to do.
    pub refusal_detail: Option<String>,
}

/// The size of a build of typed log, current rows and history from all landed events.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PlannedBuild {
    /// Events that landed.
    pub events: i64,
    /// Slices of the history, each one statement; 1 if one statement takes the whole table.
    pub slices: i64,
    /// The most that the new files of typed log, current rows and history need, beside those that they replace.
    pub disk_bytes: Option<i64>,
    /// How long it takes, by what earlier builds took; `null` before the first build of any table.
    pub duration_seconds: Option<i64>,
}

/// Says what the next run would do to the tables of a pipeline; changes nothing.
pub async fn plan(app: &App, definition: &Definition) -> Result<Plan> {
    let source = source::open(definition, &app.connections, &app.store).await;
    let mut problem = source.as_ref().err().map(Problem::from);
    let mut tables = Vec::new();
    for table in definition.tables.values() {
        let catalogue = match &source {
            Ok(source) => match source.columns_of(&table.source).await {
                Ok(catalogue) => catalogue,
                Err(error) => {
                    problem.get_or_insert(Problem::from(&error));
                    Vec::new()
                }
            },
            Err(_) => Vec::new(),
        };
        let known = app.store.table(&table.id).await?;
        let landed = app.store.last_landed(&definition.name).await?;
        let waiting = landed - known.as_ref().map_or(0, |known| known.staged_batch);
        let build = planned_build(app, table, known.as_ref(), landed).await?;
        let mut planned = planned(table, known, catalogue);
        planned.waiting_batches = waiting.max(0);
        planned.build = build;
        tables.push(planned);
    }

    let mut models = Vec::new();
    for model in &definition.models.models {
        models.push(plan_model(app, PipelineModel { definition, model }).await?);
    }

    Ok(Plan {
        pipeline: definition.name.clone(),
        tables,
        models,
        error: problem,
    })
}

/// The size of the table's build; `None` if the next run builds nothing.
async fn planned_build(
    app: &App,
    table: &Table,
    known: Option<&TableState>,
    landed: i64,
) -> Result<Option<PlannedBuild>> {
    let is_whole = |known: &TableState| known.current_from() > 0 && known.history_from() > 0;
    let Some(known) = known.filter(|known| !is_whole(known) && landed > 0) else {
        return Ok(None);
    };
    let expected = app.store.expected_build(table, landed).await?;
    let memory = app.config.trino.statement_memory_bytes;
    let slices = Slicing::expected_slices(&known.columns, &expected, memory);

    Ok(Some(PlannedBuild {
        events: expected.events,
        slices,
        disk_bytes: expected.disk_bytes(),
        duration_seconds: expected.seconds(table.marts()),
    }))
}

fn planned(
    table: &Table,
    known: Option<TableState>,
    catalogue: Vec<CatalogueColumn>,
) -> PlannedTable {
    let mut planned = PlannedTable {
        table: table.id.to_string(),
        new: known.is_none(),
        defaults: table.defaulted.clone(),
        waiting_batches: 0,
        drift: Vec::new(),
        build: None,
        refusal_detail: None,
    };
    let Some(known) = known else {
        planned.refusal_detail = table.columns(&catalogue).err();
        return planned;
    };
    let catalogue = if catalogue.is_empty() {
        known.catalogue
    } else {
        catalogue
    };
    match Evolution::of(
        table,
        MadeOf {
            origin: &known.origin,
            columns: &known.columns,
            was_by_clock: known.is_by_clock,
            had_own_ids: known.has_own_ids,
            marts: known.marts,
        },
        &catalogue,
        &known.drift,
    ) {
        Ok(evolution) => {
            planned.drift = evolution.drift;
            planned.refusal_detail = evolution.refusal;
        }
        Err(fault) => planned.refusal_detail = Some(fault),
    }

    planned
}
