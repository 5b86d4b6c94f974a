//! The steps `maintain` and `maintain.<table or model>`: old snapshots of Iceberg tables expire, and what no snapshot needs is deleted.
//!
//! A table keeps every snapshot from the oldest one on that something may still read: see [`crate::state::SnapshotInUse`]. Trino expires
//! by age, so the age of that one is the limit.

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::cutoffs::Maintenance;
use crate::app::App;
use crate::error::{Class, Error, Result};
use crate::publish::Publisher;
use crate::run::counts::Counts;
use crate::run::failure::{StepEnd, report_failure};
use crate::run::step;
use crate::run::tasks::old_snapshots::count_old_snapshots;
use crate::run::tasks::parts::{Part, parts};
use crate::sql::{TableName, render};
use crate::state::SnapshotInUse;

/// Orphan files that are younger may belong to a statement that has not committed. Trino takes no less.
const YOUNGEST_ORPHAN_SECONDS: u64 = 7 * 24 * 60 * 60;
/// Between the look at a snapshot's age and the statement that expires older ones, time passes.
const MARGIN_SECONDS: i64 = 5;
/// Iceberg itself merges manifests when there are a hundred.
const MANY_MANIFESTS: i64 = 100;
/// What Trino says if there is no such table, or it is a view.
const NO_TABLE: [&str; 4] = [
    "TABLE_NOT_FOUND",
    "SCHEMA_NOT_FOUND",
    "NOT_SUPPORTED",
    "UNSUPPORTED_TABLE_TYPE",
];

/// The context of `maintenance/table.sql`.
#[derive(Serialize)]
struct TableContext<'a> {
    snapshots: TableName,
    manifests: TableName,
    properties: TableName,
    in_use: &'a [i64],
}

/// The row of `maintenance/table.sql`.
#[derive(Deserialize)]
struct TableRow {
    snapshots: i64,
    oldest_in_use_seconds: Option<i64>,
    manifests: i64,
    deletes_metadata: Option<String>,
}

pub(super) async fn maintain(maintenance: &Maintenance<'_>) -> Vec<StepEnd> {
    let attempt = maintenance.attempt;
    let in_use = match maintenance.snapshots_in_use().await {
        Ok(in_use) => in_use,
        Err(error) => return vec![Err(report_failure(&error, attempt.run, "maintain"))],
    };
    let mut ends = Vec::new();
    // Each table has at most one statement under way, so none waits for its turn between a look and what follows from it.
    for side_by_side in parts(attempt).chunks(attempt.app.config.runs.concurrency) {
        let steps = side_by_side.iter();
        let steps = steps.map(|part| maintain_part(maintenance, part, &in_use));
        ends.extend(join_all(steps).await);
    }

    ends
}

async fn maintain_part(maintenance: &Maintenance<'_>, part: &Part, in_use: &[i64]) -> StepEnd {
    step::run(
        maintenance.attempt,
        &part.step("maintain"),
        async |publisher| {
            maintenance
                .maintain_tables(&part.tables, in_use, publisher)
                .await
        },
    )
    .await
}

impl Maintenance<'_> {
    /// The snapshots that something may still read.
    async fn snapshots_in_use(&self) -> Result<Vec<i64>> {
        let app = self.attempt.app;
        let since = self.before(app.config.retention.runs);
        let in_use = app
            .store
            .snapshots_in_use(&self.attempt.run.pipeline, since)
            .await?;
        let mut ids: Vec<i64> = in_use
            .iter()
            .filter(|used| is_declared(app, used))
            .map(|used| used.snapshot.parse().map_err(Error::internal))
            .collect::<Result<_>>()?;
        ids.sort_unstable();
        ids.dedup();

        Ok(ids)
    }

    /// Maintains tables one after the other. A fault of one delays no other; the first is the step's.
    async fn maintain_tables(
        &self,
        tables: &[TableName],
        in_use: &[i64],
        publisher: Publisher<'_>,
    ) -> Result<Counts> {
        let mut counts = Counts::from([("snapshots_expired", 0), ("tables_left_out", 0)]);
        let mut failure = None;
        for table in tables {
            match self.maintain_table(table, in_use, publisher).await {
                Ok(of_table) => counts.add(&of_table),
                Err(error) if error.class() == Class::Interrupted => return Err(error),
                Err(error) if failure.is_none() => failure = Some(error),
                Err(error) => tracing::warn!(%table, %error, "a table is not maintained"),
            }
        }

        failure.map_or(Ok(counts), Err)
    }

    async fn maintain_table(
        &self,
        table: &TableName,
        in_use: &[i64],
        publisher: Publisher<'_>,
    ) -> Result<Counts> {
        let (store, name) = (publisher.store, table.to_string());
        if !store.has_written(publisher.pipeline, &name).await? {
            return Ok(Counts::default());
        }
        let lost = store
            .lost_statements(publisher.pipeline, &name, publisher.attempt)
            .await?;
        let is_own = lost.iter().all(|lost| lost.is_maintenance);
        if is_own && !lost.is_empty() && !self.dry_run {
            // They changed no rows, so their ends may be found out here.
            publisher.resolve(table).await?;
        } else if !lost.is_empty() {
            // Their snapshots prove what they did. The next run that writes the table finds it out.
            return Ok(Counts::from([("tables_left_out", 1)]));
        }
        let Some(found) = look(publisher, table, in_use).await? else {
            return Ok(Counts::default());
        };
        let expired = self.expire_snapshots(table, &found, publisher).await?;
        if !self.dry_run {
            self.clean(table, &found, publisher).await?;
        }

        Ok(Counts::from([("snapshots_expired", expired)]))
    }

    /// Expires the snapshots that are old and that nothing reads, and gives their number. Without any, no statement is sent.
    async fn expire_snapshots(
        &self,
        table: &TableName,
        found: &TableRow,
        publisher: Publisher<'_>,
    ) -> Result<i64> {
        let kept = self.attempt.app.config.retention.snapshots.as_secs();
        let kept = i64::try_from(kept).map_err(Error::internal)?;
        let in_use = found
            .oldest_in_use_seconds
            .map(|age| age + age / 100 + MARGIN_SECONDS);
        let kept_seconds = in_use.into_iter().fold(kept, i64::max);
        let old = count_old_snapshots(publisher, table, kept_seconds).await?;
        if self.dry_run || old == 0 {
            return Ok(old);
        }
        let context = json!({"table": table, "kept": format!("{kept_seconds}s")});
        let expire = render("maintenance/expire_snapshots.sql", context)?;
        publisher.run(table, &expire).await?;
        let left = look(publisher, table, &[]).await?;

        Ok(found.snapshots - left.map_or(0, |left| left.snapshots))
    }

    /// Deletes files that no snapshot needs, and puts many manifests together.
    async fn clean(
        &self,
        table: &TableName,
        found: &TableRow,
        publisher: Publisher<'_>,
    ) -> Result<()> {
        if found.deletes_metadata.is_none() {
            delete_metadata(table, publisher).await?;
        }
        let config = &self.attempt.app.config;
        let is_landing = *table == self.attempt.names.landing();
        // Files of a batch that is not registered lie elsewhere. If somebody put the landing folder there, they must stay.
        let is_landing_open = is_landing
            && !publisher
                .store
                .open_batches(publisher.pipeline)
                .await?
                .is_empty();
        if !is_landing_open {
            let kept = config.retention.snapshots.as_secs();
            let kept = kept.max(YOUNGEST_ORPHAN_SECONDS);
            let context = json!({"table": table, "kept": format!("{kept}s")});
            let remove = render("maintenance/remove_orphan_files.sql", context)?;
            publisher.run(table, &remove).await?;
        }
        if config.runs.optimize && found.manifests > MANY_MANIFESTS {
            let context = json!({"table": table});
            let rewrite = render("maintenance/optimize_manifests.sql", context)?;
            // Its snapshot is noted: later it may be the only one that shows whose the table is.
            publisher.merge(table, &rewrite).await?;
        }

        Ok(())
    }
}

/// Whether a snapshot is of something that a definition declares. A model that its pipeline no longer declares reads nothing again. A
/// pipeline that is unknown here may run in another service.
fn is_declared(app: &App, used: &SnapshotInUse) -> bool {
    let Some(model) = &used.model else {
        return true;
    };

    app.pipelines
        .get(&used.pipeline)
        .map_or(true, |definition| definition.models.model(model).is_some())
}

/// What is known of a table; `None` if there is no such table.
async fn look(
    publisher: Publisher<'_>,
    table: &TableName,
    in_use: &[i64],
) -> Result<Option<TableRow>> {
    let context = TableContext {
        snapshots: table.metadata("snapshots"),
        manifests: table.metadata("manifests"),
        properties: table.metadata("properties"),
        in_use,
    };
    match publisher.row("maintenance/table.sql", context).await {
        Err(Error::Trino(failure)) if NO_TABLE.contains(&failure.name.as_str()) => Ok(None),
        found => found.map(Some),
    }
}

/// Lets commits delete old metadata files. A version of Trino that cannot do so keeps them.
async fn delete_metadata(table: &TableName, publisher: Publisher<'_>) -> Result<()> {
    let context = json!({"table": table});
    let set = render("maintenance/delete_metadata.sql", context)?;
    match publisher.run(table, &set).await {
        Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => {
            tracing::info!(%table, cause = failure.name, "old metadata files stay: Trino cannot delete them");
            Ok(())
        }
        set => set.map(drop),
    }
}
