//! `/v1/runs/{run_id}/steps`: the steps of a run and their SQL.

use axum::Json;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::access::Granted;
use super::page::{Page, Paging};
use super::read::{AnyOf, Path, Query, any, without_nul};
use super::runs::RunPath;
use crate::error::{Error, Problem, Result};
use crate::state::{self, SqlQuery, StatementState, StepQuery, StepSql, StepState};
use crate::trino::Part;

/// Steps of a run whose names an unknown one is compared with.
const MOST_NAMES: i64 = 1_000;
/// About the most bytes of SQL in an answer. A longer statement has a page of its own.
pub(super) const MOST_SQL_BYTES: i64 = 8 << 20;

/// A step of a run, by its last attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Step {
    /// The step's name, such as `extract`, `stage.orders`, `mart.orders`, `mart.orders_history`.
    #[schema(example = "mart.orders")]
    name: String,
    /// The attempt of the run.
    attempt: i32,
    /// The step's state.
    state: StepState,
    /// When the step began.
    #[serde(serialize_with = "crate::time::exact")]
    started_at: Timestamp,
    /// When the step ended.
    #[serde(serialize_with = "crate::time::exact")]
    finished_at: Option<Timestamp>,
    /// From `started_at` to `finished_at`, or to now.
    duration_seconds: f64,
    /// Counts of events, rows and files, by name.
    #[schema(value_type = BTreeMap<String, i64>)]
    counts: Value,
    /// The problem that ended the step.
    #[schema(value_type = Option<Problem>)]
    error: Option<Value>,
    /// The statements that write, as sent to Trino.
    statements: Vec<Statement>,
}

/// A statement that a step sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Statement {
    /// The table that the statement writes.
    #[schema(example = "lake.marts.orders")]
    trino_table: String,
    /// The statement's state.
    state: StatementState,
    /// The attempt of the run that sent it.
    attempt: i32,
    /// The statement's id in Trino.
    trino_query_id: Option<String>,
    /// The number of rows that it wrote or deleted.
    rows: Option<i64>,
    /// The table's snapshot before it.
    snapshot_id_before: Option<String>,
    /// The snapshot that it committed.
    snapshot_id_after: Option<String>,
    /// When the statement was sent.
    #[serde(serialize_with = "crate::time::exact")]
    started_at: Timestamp,
    /// When the statement ended.
    #[serde(serialize_with = "crate::time::exact")]
    finished_at: Option<Timestamp>,
    /// What it cost, as Trino counts.
    #[schema(value_type = Option<StatementProgress>)]
    progress: Option<Value>,
}

/// What a statement has cost so far, as Trino counts.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "only its schema is used: the state database makes the value"
)]
struct StatementProgress {
    /// Trino's state of the statement, such as `RUNNING`.
    trino_state: String,
    /// Processor time over all nodes.
    cpu_seconds: f64,
    /// Time since it was sent.
    elapsed_seconds: f64,
    /// Rows read.
    processed_rows: u64,
    /// Bytes read.
    processed_bytes: u64,
    /// The most memory it held.
    peak_memory_bytes: u64,
    /// How much of its splits is done, from 0 to 100; `null` before they are known. More splits may turn up, so it may go back.
    percent: Option<u32>,
    /// The slice of the table that it works on, if the table is too large for one statement.
    slice: Option<Part>,
}

/// The text of a statement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementSql)]
pub(super) struct SentSql {
    /// The table that the statement writes.
    #[schema(example = "lake.marts.orders")]
    trino_table: String,
    /// The attempt of the run that sent it.
    attempt: i32,
    /// The statement's id in Trino.
    trino_query_id: Option<String>,
    /// The text that Trino got.
    sql: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct StepsQuery {
    /// Only steps in one of these states.
    #[param(value_type = Option<Vec<StepState>>, style = Form, explode = false, min_items = 1, required = false)]
    state: Option<AnyOf<StepState>>,
    /// Only the step of this name.
    #[param(example = "mart.orders", required = false)]
    name: Option<String>,
}

type StepPage = Page<Step>;

/// List the steps of a run, in the order in which they first began.
#[utoipa::path(
    get, path = "/v1/runs/{run_id}/steps", tag = "runs",
    params(RunPath, StepsQuery, Paging),
    responses((status = OK, description = "A page of steps, each by its last attempt", body = StepPage), Problem),
)]
pub(super) async fn list_run_steps(
    Granted(app): Granted,
    Path(RunPath { run_id }): Path<RunPath>,
    Query(query): Query<StepsQuery>,
    paging: Paging,
) -> Result<Json<StepPage>> {
    app.store.run(run_id).await?;
    let which = StepQuery {
        states: any(query.state),
        name: query.name.as_deref().map(without_nul),
        after: paging.after()?,
        limit: paging.asked_rows(),
    };
    let steps = app.store.steps(run_id, &which).await?;
    let page = paging.page(steps, |last| (last.began_at, last.name.clone()))?;
    let names: Vec<&str> = page.rows().iter().map(|step| step.name.as_str()).collect();
    let mut statements = app.store.statements(run_id, &names).await?;

    Ok(Json(page.map(|step| {
        let own = statements.extract_if(.., |statement| statement.step == step.name);
        Step::new(own.collect(), step)
    })))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct StepPath {
    /// The run's id.
    #[param(example = "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60")]
    run_id: Uuid,
    /// The step's name.
    #[param(example = "mart.orders")]
    step: String,
}

type StatementSqlPage = Page<SentSql>;

/// List the SQL that a step sent to Trino, in the order of sending.
#[utoipa::path(
    get, path = "/v1/runs/{run_id}/steps/{step}/sql", tag = "runs",
    params(StepPath, Paging),
    responses((status = OK, description = "A page of statements", body = StatementSqlPage), Problem),
)]
pub(super) async fn list_step_sql(
    Granted(app): Granted,
    Path(StepPath { run_id, step }): Path<StepPath>,
    paging: Paging,
) -> Result<Json<StatementSqlPage>> {
    app.store.run(run_id).await?;
    let step = without_nul(&step);
    let steps = async |name: Option<String>| {
        let limit = MOST_NAMES;
        let which = StepQuery {
            name,
            limit,
            ..StepQuery::default()
        };
        app.store.steps(run_id, &which).await
    };
    if steps(Some(step.clone())).await?.is_empty() {
        let known = steps(None).await?;
        let known = known.iter().map(|known| known.name.as_str());
        return Err(Error::not_found("step", &step, known));
    }
    let which = SqlQuery {
        run: run_id,
        step: &step,
        after: paging.after()?,
        limit: paging.asked_rows(),
        bytes: MOST_SQL_BYTES,
    };
    let StepSql { statements, is_cut } = app.store.step_sql(&which).await?;
    let page = paging.page_of_some(statements, is_cut, |last| last.id)?;

    Ok(Json(page.map(SentSql::from)))
}

impl Step {
    fn new(statements: Vec<state::StatementRecord>, step: state::StepRecord) -> Self {
        let until = step.finished_at.unwrap_or_else(Timestamp::now);
        Self {
            name: step.name,
            attempt: step.attempt,
            state: step.state,
            started_at: step.started_at,
            finished_at: step.finished_at,
            duration_seconds: until.duration_since(step.started_at).as_secs_f64().max(0.0),
            counts: step.counts,
            error: step.error,
            statements: statements.into_iter().map(Statement::from).collect(),
        }
    }
}

impl From<state::StatementSql> for SentSql {
    fn from(statement: state::StatementSql) -> Self {
        Self {
            trino_table: statement.target,
            attempt: statement.attempt,
            trino_query_id: statement.trino_query_id,
            sql: statement.sql,
        }
    }
}

impl From<state::StatementRecord> for Statement {
    fn from(statement: state::StatementRecord) -> Self {
        Self {
            trino_table: statement.target,
            state: statement.state,
            attempt: statement.attempt,
            trino_query_id: statement.trino_query_id,
            rows: statement.update_count,
            snapshot_id_before: statement.snapshot_before,
            snapshot_id_after: statement.snapshot_after,
            started_at: statement.started_at,
            finished_at: statement.finished_at,
            progress: statement.progress,
        }
    }
}
