//! `/v1/sources`: where changes come from, how far they have been read, and how safe the cursor is.

use std::time::Duration;

use axum::Json;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::access::Granted;
use super::page::{Page, Paging};
use super::read::{AnyOf, Path, Query};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::pipeline::{Definition, SourceKind};
use crate::report::{self, Purge};
use crate::source::{self, Blocking, Finding, Purpose, Safety, TableProgress, table_progress};
use crate::state::Cursor;

/// The limit for all questions to the source.
const LONGEST_ASKED: Duration = Duration::from_secs(50);

/// A source: what the service remembers, and what the source says now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Source {
    /// The source's name, which is the pipeline's.
    #[schema(example = "shop")]
    name: String,
    /// The pipeline that reads it.
    #[schema(example = "shop")]
    pipeline: String,
    /// What changes are read from.
    kind: SourceKind,
    /// The connection's name in the settings; `null` for files.
    #[schema(example = "shop")]
    connection: Option<String>,
    /// The drop folder.
    #[schema(example = "s3://bucket/drops/")]
    path: Option<String>,
    /// The audit table; only for `postgres_audit_log`.
    #[schema(example = "public.audit_log_dml")]
    audit_table: Option<String>,
    /// How far the source has been read; `null` before the first extraction.
    cursor: Option<CursorView>,
    /// The source's own answer; `null` in lists.
    now: Option<SourceNow>,
    /// Why the source does not answer.
    error: Option<Problem>,
}

/// How far a source has been read.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CursorView {
    /// The position, for people who look for a fault. Its members depend on the source's kind and on the release.
    #[schema(value_type = Object)]
    position: Value,
    /// The time up to which every committed change has landed.
    #[serde(serialize_with = "crate::time::exact")]
    covered_until: Timestamp,
    /// How far each polled table has been read.
    tables: Vec<TableProgress>,
    /// The oldest open or prepared transaction at the last read: process or name, begin, and age then.
    blocked_by_transaction: Option<Blocking>,
    /// When the cursor moved last.
    #[serde(serialize_with = "crate::time::exact")]
    moved_at: Timestamp,
}

/// What a source says now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SourceNow {
    /// Events that the next run reads, counted up to 100,000; for a folder, files. `null` if counting took too long.
    /// Without a column of type `xid8`, events since the begin of open transactions count again, because they are read again.
    backlog: Option<i64>,
    /// Why `backlog` is `null`.
    backlog_detail: Option<String>,
    /// The oldest open or prepared transaction. Its changes are read after its commit. Freshness does not pass the begin of an open
    /// transaction, and does not move while one is prepared.
    blocked_by_transaction: Option<Blocking>,
    /// How safe the cursor is.
    cursor_safety: Safety,
    /// Why the cursor is so safe.
    cursor_safety_detail: String,
}

/// What a check of a source found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Checked {
    /// The source's name, which is the pipeline's.
    #[schema(example = "shop")]
    source: String,
    /// How safe the cursor is; `null` if the source cannot be read.
    cursor_safety: Option<Safety>,
    /// Why the cursor is so safe.
    cursor_safety_detail: Option<String>,
    /// One for each check.
    findings: Vec<Finding>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct SourcePath {
    /// The source's name, which is the pipeline's.
    #[param(example = "shop")]
    pub(super) source: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct SourcesQuery {
    /// Only the source of this pipeline.
    #[param(example = "shop", required = false)]
    pipeline: Option<String>,
    /// Only sources of one of these kinds.
    #[param(value_type = Option<Vec<SourceKind>>, style = Form, explode = false, min_items = 1, required = false)]
    kind: Option<AnyOf<SourceKind>>,
}

type SourcePage = Page<Source>;

/// List sources, sorted by name, as the service remembers them.
#[utoipa::path(
    get, path = "/v1/sources", tag = "sources",
    params(SourcesQuery, Paging),
    responses((status = OK, description = "A page of sources, one for each pipeline", body = SourcePage), Problem),
)]
pub(super) async fn list_sources(
    Granted(app): Granted,
    Query(query): Query<SourcesQuery>,
    paging: Paging,
) -> Result<Json<SourcePage>> {
    let kinds = query.kind.as_ref();
    let all = app.pipelines.chosen(query.pipeline.as_deref())?;
    let fitting = all
        .into_iter()
        .filter(|of| kinds.is_none_or(|AnyOf(kinds)| kinds.contains(&of.source.kind())));
    let page = paging.page_of(fitting, |of| of.name.clone())?;
    let names: Vec<&str> = page.rows().iter().map(|of| of.name.as_str()).collect();
    let mut cursors = app.store.cursors(&names).await?;

    Ok(Json(page.map(|of| view(of, cursors.remove(&of.name)))))
}

/// Get a source: its cursor, its backlog, and how safe the cursor is.
///
/// The call asks the source itself. If it does not answer, the answer has what the service remembers, and the problem.
#[utoipa::path(
    get, path = "/v1/sources/{source}", tag = "sources",
    params(SourcePath),
    responses((status = OK, description = "The source", body = Source), Problem),
)]
pub(super) async fn get_source(
    Granted(app): Granted,
    Path(SourcePath { source }): Path<SourcePath>,
) -> Result<Json<Source>> {
    let definition = app.pipelines.get(&source)?;
    let cursor = app.store.cursor(&definition.name).await?;
    let asked =
        tokio::time::timeout(LONGEST_ASKED, ask_source(&app, definition, cursor.as_ref())).await;
    let now = asked.unwrap_or_else(|_| {
        Err(Error::TimedOut(format!(
            "the source did not answer within {} s; ask again when it is less busy",
            LONGEST_ASKED.as_secs()
        )))
    });
    let mut source = view(definition, cursor);
    match now {
        Ok(now) => source.now = Some(now),
        Err(error) => source.error = Some(Problem::from(&error)),
    }

    Ok(Json(source))
}

/// Check a source: the rights, indexes, triggers and settings for exact and cheap reading.
///
/// The check changes nothing. Every finding other than `pass` says what to do.
#[utoipa::path(
    post, path = "/v1/sources/{source}/check", tag = "sources",
    params(SourcePath),
    responses((status = OK, description = "The findings", body = Checked), Problem),
)]
pub(super) async fn check_source(
    Granted(app): Granted,
    Path(SourcePath { source }): Path<SourcePath>,
) -> Result<Json<Checked>> {
    let definition = app.pipelines.get(&source)?;
    let checked = source::check(
        definition,
        &app.connections.for_calls(),
        &app.drops,
        &app.store,
    )
    .await?;
    let safety = checked.safety.map(|safety| (safety.safety, safety.reason));
    let (cursor_safety, cursor_safety_detail) = safety.unzip();

    Ok(Json(Checked {
        source,
        cursor_safety,
        cursor_safety_detail,
        findings: checked.findings,
    }))
}

/// Tell up to which event the owner of an audit log may delete events.
///
/// Every event up to that one has landed in every pipeline of the log, and no open transaction can commit an older one. If this is not known,
/// `up_to_event_id` is `null`, and `detail` says why.
#[utoipa::path(
    get, path = "/v1/sources/{source}/safe_to_purge", tag = "sources",
    params(SourcePath),
    responses((status = OK, description = "The last event that may be deleted", body = Purge), Problem),
)]
pub(super) async fn get_safe_to_purge(
    Granted(app): Granted,
    Path(SourcePath { source }): Path<SourcePath>,
) -> Result<Json<Purge>> {
    let definition = app.pipelines.get(&source)?;

    Ok(Json(report::safe_to_purge(&app, definition).await?))
}

async fn ask_source(
    app: &App,
    definition: &Definition,
    cursor: Option<&Cursor>,
) -> Result<SourceNow> {
    let connections = app.connections.for_calls();
    let mut source = source::open(definition, &connections, &app.drops, &app.store).await?;
    let reading = source
        .begin(cursor.map(|cursor| &cursor.position), None, Purpose::Look)
        .await?;
    let safety = source.safety();

    let source::Backlog { count, detail } = source::backlog(&*source, &definition.name).await?;

    Ok(SourceNow {
        backlog: count,
        backlog_detail: detail,
        blocked_by_transaction: reading.blocked_by,
        cursor_safety: safety.safety,
        cursor_safety_detail: safety.reason,
    })
}

fn view(definition: &Definition, cursor: Option<Cursor>) -> Source {
    Source {
        name: definition.name.clone(),
        pipeline: definition.name.clone(),
        kind: definition.source.kind(),
        connection: definition.source.connection().map(ToOwned::to_owned),
        path: definition.source.files().map(|files| files.path.clone()),
        audit_table: definition.source.table().map(ToString::to_string),
        cursor: cursor.map(|mut cursor| CursorView {
            tables: table_progress(&definition.name, &mut cursor.position),
            position: cursor.position,
            covered_until: cursor.covered_until,
            blocked_by_transaction: cursor
                .blocked_by
                .and_then(|blocking| serde_json::from_value(blocking).ok()),
            moved_at: cursor.moved_at,
        }),
        now: None,
        error: None,
    }
}
