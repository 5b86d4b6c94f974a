//! The steps `erase`, `erase.<table or model>` and `erase.sql`: no snapshot, file or statement is left that has the forgotten keys.
//!
//! A step counts the snapshots that expired. Together with those of the steps before, its counts are the proof of the erasure.

use serde_json::json;

use crate::error::{Error, Result};
use crate::landing::{self, Landing};
use crate::pipeline::{Names, Table, TableId};
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::StepEnd;
use crate::run::step;
use crate::run::steps::models;
use crate::run::tasks::old_snapshots::count_old_snapshots;
use crate::run::tasks::parts::{Owner, Part, parts};
use crate::sql::{TableName, render};
use crate::state::OldRows;
use crate::trino::Statement;
use crate::warehouse;

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

fn may_have_rows(attempt: &Attempt<'_>, table: &Table, owner: &Owner) -> bool {
    let definition = attempt.definition;
    match owner {
        Owner::Pipeline => true,
        Owner::Table(name) => *name == table.id.name,
        Owner::Model(name) => definition
            .models
            .model(name)
            .is_some_and(|model| models::may_read(definition, model, &table.id.name)),
    }
}

async fn erase_part(
    attempt: &Attempt<'_>,
    part: &Part,
    publisher: Publisher<'_>,
) -> Result<Counts> {
    let mut counts = Counts::from([("snapshots_expired", 0)]);
    if let Owner::Model(_) = &part.of {
        // Its changes and failing rows are of earlier refreshes.
        let (beside, _) = part.tables.split_at(part.tables.len() - 1);
        for table in beside {
            empty(table, publisher).await?;
        }
    }
    for left in leftovers(attempt, part) {
        if has_table(&left, publisher).await? {
            publisher.resolve(&left).await?;
            landing::drop_table(publisher, &left).await?;
        }
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

/// Refuses a suspended model that may have rows of the table: it keeps them.
pub(super) async fn refuse_suspended(
    attempt: &Attempt<'_>,
    table: &Table,
    publisher: Publisher<'_>,
) -> Result<()> {
    for part in parts(attempt) {
        let Owner::Model(name) = &part.of else {
            continue;
        };
        let id = TableId::new(publisher.pipeline, name);
        let is_suspended = publisher.store.model(&id).await?.is_suspended;
        if is_suspended && may_have_rows(attempt, table, &part.of) {
            return Err(Error::ModelSuspended {
                model: id.to_string(),
            });
        }
    }

    Ok(())
}

/// Deletes the rows of a table that is kept beside a model's.
async fn empty(table: &TableName, publisher: Publisher<'_>) -> Result<()> {
    if has_table(table, publisher).await? {
        publisher.resolve(table).await?;
        let empty = render("models/empty.sql", json!({"table": table}))?;
        publisher.merge(table, &empty).await?;
    }

    Ok(())
}

/// Whether the pipeline made such a table, and it is there.
async fn has_table(table: &TableName, publisher: Publisher<'_>) -> Result<bool> {
    let (store, name) = (publisher.store, table.to_string());
    let is_ours = store.has_written(publisher.pipeline, &name).await?;

    Ok(is_ours && warehouse::exists(publisher, table).await?)
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
    let old = count_old_snapshots(publisher, table, -1).await?;
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

    counts.set("snapshots_expired", old);

    Ok(counts)
}

/// Statements and runs may name keys, so the texts of all statements go, and the keys that callers named.
async fn erase_sql(attempt: &Attempt<'_>, table: &Table) -> Result<Counts> {
    let (store, pipeline) = (&attempt.app.store, &attempt.run.pipeline);
    let now = store.now().await?;
    let expired = store.count_old(pipeline, OldRows::Sql, now).await?;
    while store.delete_old(pipeline, OldRows::Sql, now).await? {}
    store.forget_keys_of_runs(&table.id, attempt.run.id).await?;

    Ok(Counts::from([("sql_expired", expired)]))
}
