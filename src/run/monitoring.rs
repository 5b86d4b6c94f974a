//! The views `<pipeline>_monitoring` and `<pipeline>_freshness`, so that a dashboard on Trino needs no API.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use icefront_project::Materialized;
use jiff::Timestamp;
use serde::Serialize;

use super::attempt::Attempt;
use crate::app::MonitoredPipeline;
use crate::error::{Class, Error, Result, causes};
use crate::pipeline::TableId;
use crate::sql::{TableName, render};
use crate::state::RefreshState;

/// A run that brought nothing writes the freshness again only after this time: to an idle source, it only moves the time on.
const IDLE_PAUSE: Duration = Duration::from_mins(1);

/// Trino may let a statement wait; the run has more to do.
const LONGEST: Duration = Duration::from_secs(30);

/// The context of `report/monitoring_view.sql`.
#[derive(Serialize)]
struct MonitoringContext {
    view: TableName,
    tables: Vec<MonitoredTable>,
}

#[derive(Serialize)]
struct MonitoredTable {
    name: String,
    staging: TableName,
}

/// The context of `report/freshness_view.sql`.
#[derive(Serialize)]
struct FreshnessContext {
    view: TableName,
    rows: Vec<FreshnessRow>,
    written_at: String,
}

#[derive(Serialize)]
struct FreshnessRow {
    name: String,
    kind: &'static str,
    covered_until: Option<String>,
    warn_after_seconds: Option<u64>,
    error_after_seconds: Option<u64>,
    /// Whether its last refresh failed.
    has_failed: bool,
    #[serde(skip)]
    covered_batch: Option<i64>,
    /// Changes with the rows.
    #[serde(skip)]
    snapshot: Option<String>,
}

/// Brings the views to what the run left. What Trino refuses costs only the views: the tables are right without them.
pub(super) async fn write(attempt: &Attempt<'_>) {
    if let Err(error) = write_views(attempt).await {
        let pipeline = &attempt.definition.name;
        let cause = causes(&error);
        tracing::warn!(pipeline, %error, cause, "the views of monitoring and freshness were not written");
    }
}

async fn write_views(attempt: &Attempt<'_>) -> Result<()> {
    let pipeline = &attempt.definition.name;
    let known = &attempt.app.monitored.pipelines;
    let rows = rows(attempt).await?;
    let contents: BTreeMap<String, Option<String>> = rows
        .iter()
        .map(|row| {
            let failed = if row.has_failed { " failed" } else { "" };
            (
                format!("{} {}{failed}", row.kind, row.name),
                row.snapshot.clone(),
            )
        })
        .collect();
    // Only the run that has the pipeline's lease comes here.
    let before = known.lock().await.remove(pipeline);
    let is_idle = before.as_ref().is_some_and(|before| {
        before.is_refused || before.contents == contents && before.at.elapsed() < IDLE_PAUSE
    });
    if is_idle {
        known
            .lock()
            .await
            .extend(before.map(|before| (pipeline.clone(), before)));
        return Ok(());
    }
    let tables = before.map(|before| before.tables).unwrap_or_default();
    let late = |_| {
        Err(Error::TimedOut(
            "Trino did not write the views in time".into(),
        ))
    };
    let written = tokio::time::timeout(LONGEST, make(attempt, rows, tables)).await;
    let written = written.unwrap_or_else(late);
    let is_refused = written
        .as_ref()
        .is_err_and(|error| error.class() == Class::Fault);
    if written.is_ok() || is_refused {
        let now = MonitoredPipeline {
            contents,
            tables: written.as_ref().cloned().unwrap_or_default(),
            at: Instant::now(),
            is_refused,
        };
        known.lock().await.insert(pipeline.clone(), now);
    }

    written.map(drop)
}

/// Writes both views, the one of events only for other tables than `before`. Gives its tables.
async fn make(
    attempt: &Attempt<'_>,
    rows: Vec<FreshnessRow>,
    before: Vec<String>,
) -> Result<Vec<String>> {
    let names = &attempt.names;
    let is_staged = |row: &&FreshnessRow| row.kind == "table" && row.covered_batch.is_some();
    let tables: Vec<String> = rows
        .iter()
        .filter(is_staged)
        .map(|row| row.name.clone())
        .collect();
    if tables.is_empty() {
        return Ok(tables);
    }
    if tables != before {
        let view = names.monitoring();
        let context = MonitoringContext {
            view: view.clone(),
            tables: tables
                .iter()
                .map(|name| MonitoredTable {
                    name: name.clone(),
                    staging: names.staging(name),
                })
                .collect(),
        };
        let create = render("report/monitoring_view.sql", context)?;
        make_view(attempt, &view, &create).await?;
    }
    let view = names.freshness();
    let context = FreshnessContext {
        view: view.clone(),
        rows,
        written_at: text(Timestamp::now()),
    };
    let create = render("report/freshness_view.sql", context)?;
    make_view(attempt, &view, &create).await?;

    Ok(tables)
}

/// Writes a view, unless somebody else made something of its name.
async fn make_view(attempt: &Attempt<'_>, view: &TableName, create: &str) -> Result<()> {
    let publisher = attempt.publisher("monitoring");
    publisher.resolve(view).await?;
    publisher.run(view, create).await?;

    Ok(())
}

/// How far the tables and models of the pipeline are complete.
async fn rows(attempt: &Attempt<'_>) -> Result<Vec<FreshnessRow>> {
    let store = &attempt.app.store;
    let definition = attempt.definition;
    let pipeline = &definition.name;
    let mut rows = Vec::new();
    let mut clean: BTreeMap<&str, i64> = BTreeMap::new();
    for (name, table) in &definition.tables {
        let state = store.table(&table.id).await?;
        let state = state.filter(|state| state.staged_batch > 0);
        let mut row = FreshnessRow {
            name: name.clone(),
            kind: "table",
            covered_until: None,
            warn_after_seconds: table.freshness.warn_after.map(|limit| limit.as_secs()),
            error_after_seconds: table.freshness.error_after.map(|limit| limit.as_secs()),
            has_failed: false,
            covered_batch: None,
            snapshot: None,
        };
        if let Some(state) = state {
            let published = state.current_batch.min(state.history_batch);
            if let Some(batch) = state.clean_batch {
                clean.insert(name, batch);
            }
            let least = state.clean_batch.into_iter().chain([published]).min();
            row.covered_batch = least;
            row.snapshot = state.history_snapshot.or(state.current_snapshot);
        }
        rows.push(row);
    }
    for model in &definition.models.models {
        if model.config.materialized == Materialized::View {
            continue;
        }
        let id = TableId::new(pipeline, &model.name);
        let state = store.model(&id).await?;
        let last = store.last_refresh(&id).await?;
        let target = definition.target_lag(&model.name);
        let tables = definition.tables_of(&model.name);
        let of_tables = tables.iter().filter_map(|table| clean.get(table.as_str()));
        // One that reads nothing of the pipeline is as fresh as its last refresh.
        let by_itself = last.succeeded_at.filter(|_| state.covered_batch.is_none());
        rows.push(FreshnessRow {
            name: model.name.clone(),
            kind: "model",
            covered_until: by_itself.map(text),
            warn_after_seconds: target.map(|target| target.as_secs()),
            error_after_seconds: None,
            has_failed: last
                .state
                .is_some_and(|state| state != RefreshState::Succeeded),
            covered_batch: state
                .covered_batch
                .into_iter()
                .chain(of_tables.copied())
                .min(),
            snapshot: state.snapshot,
        });
    }
    let mut times: HashMap<i64, Option<String>> = HashMap::new();
    for row in &mut rows {
        let Some(batch) = row.covered_batch else {
            continue;
        };
        let known = times.get(&batch).cloned();
        row.covered_until = if let Some(known) = known {
            known
        } else {
            let covered = store.covered_until(pipeline, batch).await?.map(text);
            times.insert(batch, covered.clone());
            covered
        };
    }

    Ok(rows)
}

/// A time as Trino reads it.
fn text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S%.6f UTC").to_string()
}
