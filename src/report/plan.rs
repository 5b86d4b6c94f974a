//! The plan: what the next run would do to tables.

use std::collections::BTreeSet;

use serde::Serialize;

use super::models::{PlannedModel, plan_model};
use super::planned_run::NextRun;
use crate::app::App;
use crate::error::{Problem, Result};
use crate::pipeline::{
    CatalogueColumn, Column, Definition, Drift, Evolution, MadeOf, Names, PipelineModel, Table,
};
use crate::publish::{Planned, PlannedStatement};
use crate::source::{self, Backlog, Purpose, Source};
use crate::sql::TableName;
use crate::state::{TableState, Window};
use crate::warehouse::Slicing;

/// What the next run of a pipeline would do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Plan {
    /// The pipeline.
    pub pipeline: String,
    /// With `sql=true`, the events that wait in the source, counted up to 100,000; for a folder, files. `null` without it, and if
    /// counting took too long.
    pub backlog: Option<i64>,
    /// Why `backlog` is `null`, with `sql=true`.
    pub backlog_detail: Option<String>,
    /// With `sql=true`, the statements that would be sent to the source; empty for a folder, `null` without it.
    pub source_statements: Option<Vec<PlannedStatement>>,
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
    /// Events of the table in these batches.
    pub waiting_events: i64,
    /// How its columns would change, or not, by what the source and the definition have now. Differences that were seen by
    /// earlier runs carry those runs' ids.
    pub drift: Vec<Drift>,
    /// The size of the build, if the next run builds or remakes the tables.
    pub build: Option<PlannedBuild>,
    /// Why it would be refused, and what to do.
    pub refusal_detail: Option<String>,
    /// With `sql=true`, the statements that would be sent to Trino, step by step; `null` without it.
    pub statements: Option<Vec<PlannedStatement>>,
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

/// Says what the next run would do to the tables of a pipeline; changes nothing. `with_sql` asks for statements, and for what waits in
/// the source.
pub async fn plan(app: &App, definition: &Definition, with_sql: bool) -> Result<Plan> {
    let connections = app.connections.for_calls();
    let mut source = source::open(definition, &connections, &app.drops, &app.store).await;
    let mut problem = source.as_ref().err().map(Problem::from);
    let mut catalogues = Vec::new();
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
        catalogues.push(catalogue);
    }
    let mut waiting = Waiting::default();
    if with_sql && let Ok(source) = &mut source {
        match wait(app, definition, &mut **source).await {
            Ok(found) => waiting = found,
            Err(error) => {
                problem.get_or_insert(Problem::from(&error));
            }
        }
    }
    drop(source);
    let landed = app.store.last_landed(&definition.name).await?;
    let mut tables = Vec::new();
    for (table, catalogue) in definition.tables.values().zip(catalogues) {
        let known = app.store.table(&table.id).await?;
        let staged = known.as_ref().map_or(0, |known| known.staged_batch);
        let build = planned_build(app, table, known.as_ref(), landed).await?;
        let (mut planned, columns) = planned(table, known.as_ref(), catalogue);
        planned.waiting_batches = (landed - staged).max(0);
        planned.waiting_events = waiting_events(app, table, staged, landed).await?;
        planned.build = build;
        if with_sql {
            let is_refused = planned.refusal_detail.is_some();
            let next = NextRun {
                app,
                definition,
                // What waits in the source comes as one more batch.
                upto_batch: landed + i64::from(waiting.backlog.count.is_none_or(|count| count > 0)),
            };
            planned.statements = Some(match columns {
                Some(columns) if !is_refused => {
                    next.statements(table, known.as_ref(), &columns).await?
                }
                _ => Vec::new(),
            });
        }
        tables.push(planned);
    }

    let mut expected = with_sql.then(|| changing(app, definition, &tables));
    let mut models = Vec::new();
    for model in &definition.models.models {
        let of = PipelineModel { definition, model };
        models.push(plan_model(app, of, expected.as_mut()).await?);
    }

    Ok(Plan {
        pipeline: definition.name.clone(),
        backlog: waiting.backlog.count,
        backlog_detail: waiting.backlog.detail,
        source_statements: with_sql.then_some(waiting.statements),
        tables,
        models,
        error: problem,
    })
}

/// The tables of tracked tables that the run would write.
fn changing(app: &App, definition: &Definition, tables: &[PlannedTable]) -> BTreeSet<TableName> {
    let names = Names::new(definition, &app.config);
    let planned = definition.tables.keys().zip(tables);
    let written = planned.filter(|(_, planned)| {
        let mut statements = planned.statements.iter().flatten();
        statements.next().is_some()
    });

    written
        .flat_map(|(name, _)| {
            [
                names.staging(name),
                names.current(name),
                names.history(name),
            ]
        })
        .collect()
}

/// What waits in a source, and how it would be read.
#[derive(Default)]
struct Waiting {
    backlog: Backlog,
    statements: Vec<PlannedStatement>,
}

/// Finds out what waits in a source.
async fn wait(app: &App, definition: &Definition, source: &mut dyn Source) -> Result<Waiting> {
    let cursor = app.store.cursor(&definition.name).await?;
    let last = cursor.as_ref().map(|cursor| &cursor.position);
    let covered_before = cursor.as_ref().map(|cursor| cursor.covered_until);
    let reading = source.begin(last, covered_before, Purpose::Plan).await?;
    let planned = source.planned(&reading).await?;

    Ok(Waiting {
        statements: Planned::all_at(planned, "extract"),
        backlog: source::backlog(source, &definition.name).await?,
    })
}

/// The events of a table that landed and are not staged yet.
async fn waiting_events(app: &App, table: &Table, staged: i64, landed: i64) -> Result<i64> {
    if landed <= staged {
        return Ok(0);
    }
    let window = Window {
        after_batch: staged,
        upto_batch: landed,
    };
    let landed = app.store.landed_between(table, window).await?;

    Ok(landed.summary.event_count)
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

/// What is planned of a table, and its columns after the run; `None` if they cannot be told.
fn planned(
    table: &Table,
    known: Option<&TableState>,
    catalogue: Vec<CatalogueColumn>,
) -> (PlannedTable, Option<Vec<Column>>) {
    let mut planned = PlannedTable {
        table: table.id.to_string(),
        new: known.is_none(),
        defaults: table.defaulted.clone(),
        waiting_batches: 0,
        waiting_events: 0,
        drift: Vec::new(),
        build: None,
        refusal_detail: None,
        statements: None,
    };
    let Some(known) = known else {
        // Without a catalogue, a source that is away has columns that nobody knows.
        let is_known = !(catalogue.is_empty() && table.columns.is_empty());
        let columns = table.columns(&catalogue).and_then(|columns| {
            // A source that is away may have more of them.
            if !catalogue.is_empty() {
                table.check_properties(&columns)?;
            }
            Ok(columns)
        });
        return match columns {
            Ok(columns) => (planned, is_known.then_some(columns)),
            Err(fault) => {
                planned.refusal_detail = Some(fault);
                (planned, None)
            }
        };
    };
    let catalogue = if catalogue.is_empty() {
        known.catalogue.clone()
    } else {
        catalogue
    };
    let made = MadeOf {
        origin: &known.origin,
        columns: &known.columns,
        was_by_clock: known.is_by_clock,
        had_own_ids: known.has_own_ids,
        marts: known.marts,
    };
    match Evolution::of(table, made, &catalogue, &known.drift) {
        Ok(evolution) => {
            planned.drift = evolution.drift;
            let misnamed = table.check_properties(&evolution.columns).err();
            planned.refusal_detail = evolution.refusal.or(misnamed);
            (planned, Some(evolution.columns))
        }
        Err(fault) => {
            planned.refusal_detail = Some(fault);
            (planned, None)
        }
    }
}
