//! `/v1/pipelines`: the pipelines, usable and broken.

use axum::Json;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::access::Granted;
use super::page::{Page, Paging};
use super::read::{AnyOf, Body, Empty, Path, Query};
use crate::app::App;
use crate::error::{Problem, Result};
use crate::pipeline::{BrokenPipeline, Definition, Names, Schedule, SourceKind, Table};
use crate::report::{self, Plan};
use crate::state::{PipelineRuns, PipelineState, RunState};

/// A pipeline.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Pipeline {
    /// The pipeline's name.
    #[schema(example = "shop")]
    name: String,
    /// Whether the pipeline can run.
    usable: bool,
    /// Why the files of the pipeline cannot be used, with file and line. If it is usable, it works by its last good definition.
    error: Option<Problem>,
    /// The kind of the source.
    #[schema(example = "postgres_audit_log")]
    source_kind: Option<SourceKind>,
    /// When runs start by themselves.
    #[schema(example = "0 2 * * *")]
    schedule: Option<String>,
    /// The time zone of the schedule; `null` for `every …`.
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// The next time of the schedule; `null` while the pipeline is paused.
    #[serde(serialize_with = "crate::time::exact")]
    next_run_at: Option<Timestamp>,
    /// How often the service looks for changes, and starts a run if there are some.
    poll_seconds: Option<u64>,
    /// Whether the pipeline is paused: nothing starts runs of it but calls of the API.
    paused: bool,
    /// The last run that ended.
    last_run: Option<RunReference>,
    /// The run that is executed, else the next one in the queue.
    active_run: Option<RunReference>,
    /// The tracked tables.
    tables: Vec<PipelineTable>,
    /// The text of `pipeline.yaml` that the pipeline works by; `null` in lists, and if the pipeline is broken.
    #[schema(example = "pipeline: shop\nsource: {kind: postgres_audit_log, connection: shop}\n")]
    definition: Option<String>,
}

/// A run of a pipeline, in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunReference {
    /// The run's id.
    id: Uuid,
    /// The run's state.
    state: RunState,
    /// When the run ended.
    #[serde(serialize_with = "crate::time::exact")]
    finished_at: Option<Timestamp>,
}

/// A tracked table, and the names of its Iceberg tables.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TrackedTable)]
pub(super) struct PipelineTable {
    /// The table's name in the API.
    #[schema(example = "shop.orders")]
    name: String,
    /// The source table, or `files.<table>` for files.
    #[schema(example = "public.orders")]
    from: String,
    /// The columns that identify a row.
    key: Vec<String>,
    /// The names of its Iceberg tables.
    trino_tables: TrinoTables,
}

/// The names of a table's Iceberg tables.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TrinoTables {
    /// The typed log.
    #[schema(example = "lake.staging.orders")]
    typed_log: String,
    /// The current rows: a table, or the view with `current: view`.
    #[schema(example = "lake.marts.orders")]
    current_rows: String,
    /// The history; `null` with `history: off`.
    #[schema(example = "lake.marts.orders_history")]
    history: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct PipelinePath {
    /// The pipeline's name.
    #[param(example = "shop")]
    pub(super) pipeline: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct PipelinesQuery {
    /// Only pipelines that can run, or only broken ones.
    #[param(example = true, required = false)]
    usable: Option<bool>,
    /// Only pipelines that are paused, or only others.
    #[param(example = false, required = false)]
    paused: Option<bool>,
    /// Only pipelines with a source of one of these kinds.
    #[param(value_type = Option<Vec<SourceKind>>, style = Form, explode = false, min_items = 1, required = false)]
    source_kind: Option<AnyOf<SourceKind>>,
}

type PipelinePage = Page<Pipeline>;

/// List pipelines, sorted by name.
#[utoipa::path(
    get, path = "/v1/pipelines", tag = "pipelines",
    params(PipelinesQuery, Paging),
    responses((status = OK, description = "A page of pipelines, usable and broken", body = PipelinePage), Problem),
)]
pub(super) async fn list_pipelines(
    Granted(app): Granted,
    Query(query): Query<PipelinesQuery>,
    paging: Paging,
) -> Result<Json<PipelinePage>> {
    let states = app.store.pipelines().await?;
    let state_of = |name: &str| states.get(name).cloned().unwrap_or_default();
    let usable = app.pipelines.usable().map(Listed::Usable);
    let mut all: Vec<Listed<'_>> = usable
        .chain(app.pipelines.broken().map(Listed::Broken))
        .collect();
    all.sort_by(|one, other| one.name().cmp(other.name()));
    let fits = |listed: &Listed<'_>| {
        let kind = listed.source_kind();
        let is_paused = state_of(listed.name()).is_paused;
        let kinds = query.source_kind.as_ref();

        query
            .usable
            .is_none_or(|usable| usable == matches!(listed, Listed::Usable(_)))
            && query.paused.is_none_or(|paused| paused == is_paused)
            && kinds.is_none_or(|AnyOf(kinds)| kind.is_some_and(|kind| kinds.contains(&kind)))
    };
    let page = paging.page_of(all.into_iter().filter(fits), |listed| {
        listed.name().to_owned()
    })?;

    let names: Vec<&str> = page.rows().iter().map(Listed::name).collect();
    let runs = app.store.pipeline_runs(&names).await?;

    Ok(Json(page.map(|listed| {
        let name = listed.name();
        listed.view(&app, &state_of(name), runs.get(name))
    })))
}

/// A pipeline in the list.
enum Listed<'a> {
    Usable(&'a Definition),
    Broken(BrokenPipeline<'a>),
}

impl Listed<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Usable(definition) => &definition.name,
            Self::Broken(broken) => broken.name,
        }
    }

    fn view(&self, app: &App, state: &PipelineState, runs: Option<&PipelineRuns>) -> Pipeline {
        let view = match self {
            Self::Usable(definition) => view(app, definition, state),
            Self::Broken(broken) => view_broken(broken, state),
        };
        let reference = |id: Option<Uuid>, state: Option<RunState>, finished_at| {
            id.zip(state).map(|(id, state)| RunReference {
                id,
                state,
                finished_at,
            })
        };

        Pipeline {
            last_run: runs
                .and_then(|runs| reference(runs.last_id, runs.last_state, runs.last_finished_at)),
            active_run: runs.and_then(|runs| reference(runs.active_id, runs.active_state, None)),
            ..view
        }
    }

    fn source_kind(&self) -> Option<SourceKind> {
        match self {
            Self::Usable(definition) => Some(definition.source.kind()),
            Self::Broken(_) => None,
        }
    }
}

/// Get a pipeline, usable or broken, with its definition.
#[utoipa::path(
    get, path = "/v1/pipelines/{pipeline}", tag = "pipelines",
    params(PipelinePath),
    responses((status = OK, description = "The pipeline", body = Pipeline), Problem),
)]
pub(super) async fn get_pipeline(
    Granted(app): Granted,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
) -> Result<Json<Pipeline>> {
    let broken = app
        .pipelines
        .broken()
        .find(|broken| broken.name == pipeline);
    let (listed, definition) = if let Some(broken) = broken {
        (Listed::Broken(broken), None)
    } else {
        let definition = app.pipelines.get(&pipeline)?;
        (
            Listed::Usable(definition),
            Some(definition.text.to_string()),
        )
    };

    Ok(Json(Pipeline {
        definition,
        ..one(&app, &listed).await?
    }))
}

/// A pipeline, as it is in lists.
async fn one(app: &App, listed: &Listed<'_>) -> Result<Pipeline> {
    let name = listed.name();
    let state = app.store.pipeline(name).await?;
    let runs = app.store.pipeline_runs(&[name]).await?;

    Ok(listed.view(app, &state, runs.get(name)))
}

/// Pause a pipeline.
///
/// While it is paused, only calls of the API start runs of it.
#[utoipa::path(
    post, path = "/v1/pipelines/{pipeline}/pause", tag = "pipelines",
    params(PipelinePath),
    responses((status = OK, description = "The pipeline", body = Pipeline), Problem),
)]
pub(super) async fn pause_pipeline(
    Granted(app): Granted,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
    Body(Empty {}): Body<Empty>,
) -> Result<Json<Pipeline>> {
    pause(&app, &pipeline, true).await
}

/// Resume a paused pipeline.
///
/// Times of its schedule that passed in the pause get no run.
#[utoipa::path(
    post, path = "/v1/pipelines/{pipeline}/resume", tag = "pipelines",
    params(PipelinePath),
    responses((status = OK, description = "The pipeline", body = Pipeline), Problem),
)]
pub(super) async fn resume_pipeline(
    Granted(app): Granted,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
    Body(Empty {}): Body<Empty>,
) -> Result<Json<Pipeline>> {
    pause(&app, &pipeline, false).await
}

async fn pause(app: &App, pipeline: &str, is_paused: bool) -> Result<Json<Pipeline>> {
    let definition = app.pipelines.get(pipeline)?;
    app.store.pause_pipeline(pipeline, is_paused).await?;

    Ok(Json(one(app, &Listed::Usable(definition)).await?))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct PlanQuery {
    /// Also tell the statements that would be sent, and how much waits in the source.
    #[param(example = true, required = false)]
    sql: bool,
}

/// Tell how the next run would change the columns of a pipeline's tables, and which models it would build again; the call changes nothing.
///
/// `sql=true` needs the role `reader`. With it, the source, each table and each model have the statements that the run would send, as far as they are known before it. If
/// something waits in the source, the statements of tables include one more batch. Three things are known only in the run: bounds of ids and keys that
/// spare reading files, statements about rejects, and how slices adapt to the memory of Trino. `detail` of a statement says what else is.
#[utoipa::path(
    get, path = "/v1/pipelines/{pipeline}/plan", tag = "pipelines",
    params(PipelinePath, PlanQuery),
    responses((status = OK, description = "The plan", body = Plan), Problem),
)]
pub(super) async fn get_plan(
    Granted(app): Granted,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
    Query(PlanQuery { sql }): Query<PlanQuery>,
) -> Result<Json<Plan>> {
    let definition = app.pipelines.get(&pipeline)?;

    Ok(Json(report::plan(&app, definition, sql).await?))
}

fn view_broken(broken: &BrokenPipeline<'_>, state: &PipelineState) -> Pipeline {
    Pipeline {
        name: broken.name.to_owned(),
        usable: false,
        error: Some(Problem::from(&broken.error())),
        source_kind: None,
        schedule: None,
        timezone: None,
        next_run_at: None,
        poll_seconds: None,
        paused: state.is_paused,
        tables: Vec::new(),
        last_run: None,
        active_run: None,
        definition: None,
    }
}

fn view(app: &App, definition: &Definition, state: &PipelineState) -> Pipeline {
    let schedule = definition.schedule.as_ref();
    let next = |schedule: &Schedule| {
        // A time that has passed has its run in a moment.
        let until = state
            .scheduled_until
            .filter(|_| state.schedule.as_ref() == Some(&schedule.text));
        schedule.after(until.unwrap_or_else(Timestamp::now))
    };
    let outdated = app.pipelines.outdated(&definition.name);
    let names = Names::new(definition, &app.config);
    let table = |(name, table): (&String, &Table)| PipelineTable {
        name: table.id.to_string(),
        from: table.from.clone(),
        key: table.key.clone(),
        trino_tables: TrinoTables {
            typed_log: names.staging(name).to_string(),
            current_rows: names.current(name).to_string(),
            history: table
                .marts()
                .has_history()
                .then(|| names.history(name).to_string()),
        },
    };

    Pipeline {
        name: definition.name.clone(),
        usable: true,
        error: outdated.map(|broken| Problem::from(&broken.error())),
        source_kind: Some(definition.source.kind()),
        schedule: schedule.map(|schedule| schedule.times.clone()),
        timezone: schedule.and_then(|schedule| schedule.timezone.clone()),
        next_run_at: schedule.filter(|_| !state.is_paused).and_then(next),
        poll_seconds: definition.poll.map(|poll| poll.as_secs()),
        paused: state.is_paused,
        tables: definition.tables.iter().map(table).collect(),
        last_run: None,
        active_run: None,
        definition: None,
    }
}
