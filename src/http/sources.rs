//! `/v1/sources`: where changes come from, how far they have been read, how far that can be trusted.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::read::Path;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::pipeline::Definition;
use crate::report::{self, Purge};
use crate::source::{self, Blocking, Finding, Purpose, Safety, TableProgress, table_progress};
use crate::state::Cursor;

/// Waiting events are counted up to here, and so long at most.
const MOST_BACKLOG: i64 = 100_000;
const LONGEST_COUNT: Duration = Duration::from_secs(15);
/// A page is not waited for longer.
const LONGEST_ASKED: Duration = Duration::from_secs(50);

/// All sources.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sources {
    /// One for each pipeline, and called like it.
    sources: Vec<Source>,
}

/// A source, as far as it is remembered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Source {
    /// Its name: the pipeline's.
    #[schema(example = "shop")]
    name: String,
    /// Its kind.
    #[schema(example = "postgres_audit_log")]
    kind: &'static str,
    /// The connection of the settings; absent where files are read.
    #[schema(example = "shop")]
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    /// The folder that files are dropped into.
    #[schema(example = "s3://bucket/drops/")]
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The audit table; absent where the tracked tables themselves are read.
    #[schema(example = "public.audit_log_dml")]
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    /// How far it has been read; absent before the first extraction.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<CursorView>,
    /// What the source itself says now.
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<SourceNow>,
    /// Why the source cannot say anything now.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// How far a source has been read.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CursorView {
    /// The position, in the words of the source's kind.
    position: Value,
    /// The time up to which every committed change has landed.
    covered_until: Timestamp,
    /// How far each table has been read, where tables are read themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tables: Vec<TableProgress>,
    /// The transaction that was open or prepared longest at the last read: its process or name, since when, and its age then.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_by_transaction: Option<Value>,
    /// When it moved last.
    moved_at: Timestamp,
}

/// What a source says now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SourceNow {
    /// Events that the next run reads, counted up to 100,000; without a column of type `xid8` those of the time of open transactions are
    /// read, so counted, again. Of a folder the files that wait to be read. `null` where counting took too long.
    backlog: Option<i64>,
    /// Why the backlog is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    backlog_reason: Option<String>,
    /// The transaction that is open longest, so that what it commits is read later, and freshness does not pass its begin; or one that is
    /// prepared, until whose end freshness stays where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_by_transaction: Option<Blocking>,
    /// How far the cursor can be trusted.
    cursor_safety: Safety,
    /// Why.
    cursor_safety_reason: String,
}

/// What a check of a source found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Checked {
    /// Its name: the pipeline's.
    #[schema(example = "shop")]
    source: String,
    /// How far the cursor can be trusted; absent where the source cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor_safety: Option<Safety>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor_safety_reason: Option<String>,
    /// What was looked at.
    findings: Vec<Finding>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct SourcePath {
    /// The source's name: the pipeline's.
    #[param(example = "shop")]
    pub(super) source: String,
}

/// List all sources.
#[utoipa::path(
    get, path = "/v1/sources", tag = "sources",
    responses((status = OK, description = "All sources, as far as they are remembered", body = Sources), Problem),
)]
pub(super) async fn list_sources(State(app): State<App>) -> Result<Json<Sources>> {
    let mut sources = Vec::new();
    for definition in app.pipelines.usable() {
        let cursor = app.store.cursor(&definition.name).await?;
        sources.push(view(definition, cursor));
    }

    Ok(Json(Sources { sources }))
}

/// Get a source: its cursor, what waits behind it, and how far it can be trusted.
///
/// Asks the source itself. When that does not answer, what is remembered is given with the problem.
#[utoipa::path(
    get, path = "/v1/sources/{source}", tag = "sources",
    params(SourcePath),
    responses((status = OK, description = "The source", body = Source), Problem),
)]
pub(super) async fn get_source(
    State(app): State<App>,
    Path(SourcePath { source }): Path<SourcePath>,
) -> Result<Json<Source>> {
    let definition = app.pipelines.get(&source)?;
    let cursor = app.store.cursor(&definition.name).await?;
    let asked = tokio::time::timeout(LONGEST_ASKED, ask(&app, definition, cursor.as_ref())).await;
    let now = asked.unwrap_or_else(|_| {
        Err(Error::TimedOut(format!(
            "the source did not answer within {} s; ask again when it has less to do",
            LONGEST_ASKED.as_secs()
        )))
    });
    let mut source = view(definition, cursor);
    match now {
        Ok(now) => source.now = Some(now),
        Err(error) => source.problem = Some(Problem::from(&error)),
    }

    Ok(Json(source))
}

/// Check a source: rights, indexes, triggers and settings that reading it exactly and cheaply needs.
///
/// Changes nothing, neither here nor there. Every finding that is no `pass` says what to do.
#[utoipa::path(
    post, path = "/v1/sources/{source}/check", tag = "sources",
    params(SourcePath),
    responses((status = OK, description = "What was found", body = Checked), Problem),
)]
pub(super) async fn check_source(
    State(app): State<App>,
    Path(SourcePath { source }): Path<SourcePath>,
) -> Result<Json<Checked>> {
    let definition = app.pipelines.get(&source)?;
    let checked = source::check(definition, &app.connections, &app.store).await?;
    let safety = checked.safety.map(|safety| (safety.safety, safety.reason));
    let (cursor_safety, cursor_safety_reason) = safety.unzip();

    Ok(Json(Checked {
        source,
        cursor_safety,
        cursor_safety_reason,
        findings: checked.findings,
    }))
}

/// Tell up to which event the owner of an audit log may delete.
///
/// Every event up to there has landed in every pipeline that reads the log, and no transaction can still commit one. `null` where that cannot be told, with the reason.
#[utoipa::path(
    get, path = "/v1/sources/{source}/safe_to_purge", tag = "sources",
    params(SourcePath),
    responses((status = OK, description = "The event", body = Purge), Problem),
)]
pub(super) async fn safe_to_purge(
    State(app): State<App>,
    Path(SourcePath { source }): Path<SourcePath>,
) -> Result<Json<Purge>> {
    let definition = app.pipelines.get(&source)?;

    Ok(Json(report::safe_to_purge(&app, definition).await?))
}

async fn ask(app: &App, definition: &Definition, cursor: Option<&Cursor>) -> Result<SourceNow> {
    let mut source = source::open(definition, &app.connections, &app.store).await?;
    let reading = source
        .begin(cursor.map(|cursor| &cursor.position), None, Purpose::Look)
        .await?;
    let safety = source.safety();

    let counted = source.backlog(MOST_BACKLOG, LONGEST_COUNT).await;
    let (backlog, backlog_reason) = match counted {
        Ok(backlog) => (Some(backlog), None),
        Err(Error::TimedOut(_)) => (
            None,
            Some(format!(
                "the source could not count its events within {} s, or within `statement_timeout` of its connection; `POST /v1/sources/{}/check` tells whether an index is missing",
                LONGEST_COUNT.as_secs(),
                definition.name
            )),
        ),
        Err(error) => return Err(error),
    };

    Ok(SourceNow {
        backlog,
        backlog_reason,
        blocked_by_transaction: reading.blocked_by,
        cursor_safety: safety.safety,
        cursor_safety_reason: safety.reason,
    })
}

fn view(definition: &Definition, cursor: Option<Cursor>) -> Source {
    Source {
        name: definition.name.clone(),
        kind: definition.source.kind(),
        connection: definition.source.connection().map(ToOwned::to_owned),
        path: definition.source.files().map(|files| files.path.clone()),
        table: definition.source.table().map(ToString::to_string),
        cursor: cursor.map(|mut cursor| CursorView {
            tables: table_progress(&mut cursor.position),
            position: cursor.position,
            covered_until: cursor.covered_until,
            blocked_by_transaction: cursor.blocked_by,
            moved_at: cursor.moved_at,
        }),
        now: None,
        problem: None,
    }
}
