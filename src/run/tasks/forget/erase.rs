//! The steps `erase`, `erase.<table or model>` and `erase.sql`: no snapshot, file or statement is left that has the forgotten keys.
//!
//! A step counts the snapshots that expired. Together with those of the steps before, its counts are the proof of the erasure.

use serde_json::json;

use super::refused::{has_table, may_have_rows, refuse_suspended};
use crate::error::{Error, Result};
use crate::landing::{self, Landing};
use crate::pipeline::{Names, Table, TableId};
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::StepEnd;
use crate::run::step;
use crate::run::tasks::old_snapshots::count_old_snapshots;
use crate::run::tasks::parts::{Owner, Part, parts};
use crate::sql::{TableName, render};
use crate::state::OldRows;
use crate::trino::Statement;

/// What the problems of earlier runs say instead of words that may quote a value.
const ERASED_DETAIL: &str = "the details are erased, because keys were forgotten";
/// Older than this is every snapshot.
const EVERY_AGE: i64 = -1;
/// Everything but the present snapshot expires, and every file that it does not need is deleted.
const KEPT: &str = "0s";

pub(super) async fn erase(attempt: &Attempt<'_>, table: &Table) -> StepEnd {
    for part in parts(attempt) {
        if may_have_rows(attempt, table, &part.of) {
            step::run(attempt, &part.step("erase"), async |publisher| {
                erase_part(attempt, &part, publisher).await
            })
            .await?;
        }
    }

    step::run(attempt, "erase.sql", async |publisher| {
        // It may be suspended since the run began.
        refuse_suspended(attempt, table, publisher).await?;
        erase_sql(attempt, table).await
    })
    .await
}

async fn erase_part(
    attempt: &Attempt<'_>,
    part: &Part,
    publisher: Publisher<'_>,
) -> Result<Counts> {
    let mut counts = Counts::from([("snapshots_expired", 0)]);
    if let Owner::Model(name) = &part.of {
        // Its changes and failing rows are of earlier refreshes. A refresh makes these tables when it needs them.
        let model = TableId::new(publisher.pipeline, name);
        publisher.store.forget_changes(&model).await?;
        let (beside, _) = part.tables.split_at(part.tables.len() - 1);
        for table in beside {
            drop_if_there(table, publisher).await?;
        }
    }
    if part.of == Owner::Pipeline {
        // A comparison of keys that failed may have left files there that no table has.
        let folder = &attempt.app.folder;
        folder.remove_keys(publisher.pipeline).await?;
    }
    for left in leftovers(attempt, part) {
        drop_if_there(&left, publisher).await?;
    }
    for table in &part.tables {
        if has_table(table, publisher).await? {
            counts.add(&erase_table(attempt, table, publisher).await?);
        }
    }

    Ok(counts)
}

/// Tables that a run makes and drops. One that failed may have left them.
fn leftovers(attempt: &Attempt<'_>, part: &Part) -> Vec<TableName> {
    let builds = part.tables.iter().map(Names::build);
    match &part.of {
        Owner::Pipeline => Vec::new(),
        Owner::Table(name) => {
            let names = &attempt.names;
            builds
                .chain([names.sliced_log(name), names.keys(name)])
                .collect()
        }
        Owner::Model(_) => {
            let scopes = part.tables.iter().map(Names::scopes);
            builds.chain(scopes).collect()
        }
    }
}

async fn drop_if_there(table: &TableName, publisher: Publisher<'_>) -> Result<()> {
    if has_table(table, publisher).await? {
        publisher.resolve(table).await?;
        landing::drop_table(publisher, table).await?;
    }

    Ok(())
}

/// Leaves the rows that the table has, in files that have no others.
///
/// No statement may be under way that writes to the table: its files would go.
async fn erase_table(
    attempt: &Attempt<'_>,
    table: &TableName,
    publisher: Publisher<'_>,
) -> Result<Counts> {
    let mut counts = Counts::default();
    publisher.resolve(table).await?;
    let rewrite = render("maintenance/rewrite_deleted.sql", json!({"table": table}))?;
    publisher.run(table, &rewrite).await?;
    if *table == attempt.names.landing() {
        let landing = Landing {
            folder: &attempt.app.folder,
            table,
            publisher,
        };
        counts.set("files_deleted", landing::remove_replaced(landing).await?);
    }
    // An entry of a deleted file stays in its manifest, with the least and greatest value of each column.
    let manifests = render(
        "maintenance/optimize_manifests.sql",
        json!({"table": table}),
    )?;
    publisher.merge(table, &manifests).await?;
    let old = count_old_snapshots(publisher, table, EVERY_AGE).await?;
    let catalog = &table.0[0];
    for (statement, limit) in [
        (
            "maintenance/expire_snapshots.sql",
            "expire_snapshots_min_retention",
        ),
        (
            "maintenance/remove_orphan_files.sql",
            "remove_orphan_files_min_retention",
        ),
    ] {
        let sql = render(statement, json!({"table": table, "kept": KEPT}))?;
        let limit = format!("{catalog}.{limit}");
        let statement = Statement {
            sql: &sql,
            session: &[(&limit, KEPT)],
            slice: None,
        };
        publisher.run_in(table, statement).await?;
    }

    let left = count_old_snapshots(publisher, table, EVERY_AGE).await?;
    if left > 0 {
        return Err(Error::internal(format!(
            "{left} older snapshots of `{table}` did not expire"
        )));
    }
    counts.set("snapshots_expired", old);

    Ok(counts)
}

/// Statements and runs may name keys, so the texts of all statements go, and the keys that callers named.
async fn erase_sql(attempt: &Attempt<'_>, table: &Table) -> Result<Counts> {
    let (store, pipeline) = (&attempt.app.store, &attempt.run.pipeline);
    let now = store.now().await?;
    let expired = store.count_old(pipeline, OldRows::Sql, now).await?;
    while store.delete_old(pipeline, OldRows::Sql, now).await? {}
    store.forget_details(pipeline, ERASED_DETAIL).await?;
    store.forget_keys_of_runs(&table.id, attempt.run.id).await?;

    Ok(Counts::from([("sql_expired", expired)]))
}
