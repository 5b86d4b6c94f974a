//! Registers a batch's files with the landing table, once, by looking first.

use serde_json::{Value, json};

use super::{Batch, Folder};
use crate::error::{Error, Result};
use crate::publish::Publisher;
use crate::sql::{TableName, render};
use crate::state::Store;

/// The landing of one pipeline.
#[derive(Debug, Clone, Copy)]
pub struct Landing<'a> {
    /// The folder that its batches are in.
    pub folder: &'a Folder,
    /// The table that they are registered with.
    pub table: &'a TableName,
    /// What sends the statements.
    pub publisher: Publisher<'a>,
}

/// Makes the landing table where there is none.
pub async fn ensure(landing: Landing<'_>) -> Result<()> {
    let any = json!({"landing": landing.table, "must_be_new": false});

    make(landing, any).await
}

/// As [`ensure`]; true where there surely was none.
///
/// A table that was just made needs no [`highest_batch`], which takes Trino several times as long as this.
pub async fn create(landing: Landing<'_>) -> Result<bool> {
    let new = json!({"landing": landing.table, "must_be_new": true});
    match make(landing, new).await {
        Ok(()) => Ok(true),
        // The second is a catalog's word for a table that an earlier try made meanwhile.
        Err(Error::Trino(failure))
            if matches!(
                failure.name.as_str(),
                "TABLE_ALREADY_EXISTS" | "ALREADY_EXISTS"
            ) =>
        {
            ensure(landing).await?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

async fn make(landing: Landing<'_>, values: Value) -> Result<()> {
    let Landing {
        table, publisher, ..
    } = landing;
    let schema = render(
        "landing/create_schema.sql",
        json!({"schema": table.schema()}),
    )?;
    publisher.run(table, &schema).await?;
    let create = render("landing/create.sql", values)?;
    publisher.run(table, &create).await?;

    Ok(())
}

/// The highest batch in the landing table, 0 where it is empty: a new state database counts on from there.
pub async fn highest_batch(landing: Landing<'_>) -> Result<i64> {
    let sql = render(
        "landing/highest_batch.sql",
        json!({"landing": landing.table}),
    )?;

    Ok(number(&landing.publisher.read(&sql).await?))
}

/// Says whether a batch is in the landing table.
pub async fn landed(landing: Landing<'_>, batch: &Batch<'_>) -> Result<bool> {
    let Landing {
        folder,
        table,
        publisher,
    } = landing;
    let sql = render(
        "landing/landed.sql",
        json!({
            "landing": table,
            "files": table.metadata("files"),
            "location": folder.location(batch),
            "batch": batch.id,
        }),
    )?;

    Ok(number(&publisher.read(&sql).await?) > 0)
}

/// Registers all files of a batch in one commit; the caller has looked that they are not registered yet.
pub async fn register(landing: Landing<'_>, batch: &Batch<'_>) -> Result<()> {
    let Landing {
        folder,
        table,
        publisher,
    } = landing;
    let sql = render(
        "landing/add_files.sql",
        json!({"landing": table, "location": folder.location(batch)}),
    )?;
    publisher
        .run(table, &sql)
        .await
        .map(|_| ())
        .map_err(|error| match error {
            Error::Trino(failure)
                if failure.message.contains("add_files procedure is disabled") =>
            {
                Error::AddFilesDisabled {
                    catalog: table.0[0].clone(),
                }
            }
            other => other,
        })
}

/// Writes the manifests that many batches left as few: every read of the table opens them all, and Iceberg itself waits for a hundred.
///
/// # Errors
///
/// [`Error::Trino`], [`Error::TrinoUnavailable`], [`Error::StateUnavailable`]; the table is as it was then, or done.
pub async fn optimize_manifests(landing: Landing<'_>) -> Result<()> {
    let sql = render(
        "landing/optimize_manifests.sql",
        json!({"table": landing.table}),
    )?;
    landing.publisher.run(landing.table, &sql).await?;

    Ok(())
}

/// Drops the table, if there is one.
pub async fn drop_table(landing: Landing<'_>) -> Result<()> {
    let sql = render("landing/drop.sql", json!({"table": landing.table}))?;
    landing.publisher.run(landing.table, &sql).await?;

    Ok(())
}

/// Ends what earlier tries left open: a batch that was written is landed, one that was not is removed.
pub async fn sweep(landing: Landing<'_>, store: &Store) -> Result<()> {
    let pipeline = landing.publisher.pipeline;
    landing.publisher.resolve(landing.table).await?;
    for open in store.open_batches(pipeline).await? {
        let batch = Batch {
            pipeline,
            id: open.id,
            run: open.run,
            keys_of: None,
        };
        if !open.is_written {
            landing.folder.remove(&batch).await?;
            store.abandon_batch(pipeline, open.id).await?;
            continue;
        }
        if open.files > 0 && !landed(landing, &batch).await? {
            match register(landing, &batch).await {
                // Its files are gone. The cursor has not moved, so its events are read again.
                Err(Error::Trino(failure)) if failure.message.contains("Location not found") => {
                    store.abandon_batch(pipeline, open.id).await?;
                    continue;
                }
                registered => registered?,
            }
        }
        store.batch_landed(pipeline, open.id, None).await?;
    }

    Ok(())
}

fn number(rows: &[Vec<Value>]) -> i64 {
    rows.first()
        .and_then(|row| row.first())
        .and_then(Value::as_i64)
        .unwrap_or(0)
}
