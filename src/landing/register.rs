//! The landing table: makes it, registers the files of batches with it, and says what it has.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{Batch, Folder};
use crate::error::{Error, Result};
use crate::publish::Publisher;
use crate::sql::{TableName, render};
use crate::state::{Store, UnknownEvents};

/// Columns that every landing table has.
pub const LANDING_COLUMNS: [&str; 4] = ["tbl_schema", "tbl_name", "fields", "_batch_id"];

/// The landing table and folder of a pipeline's batches.
#[derive(Debug, Clone, Copy)]
pub struct Landing<'a> {
    pub folder: &'a Folder,
    /// The landing table, or the table of the keys that a key comparison landed.
    pub table: &'a TableName,
    pub publisher: Publisher<'a>,
}

/// The context of `landing/create_schema.sql`.
#[derive(Serialize)]
struct SchemaContext {
    schema: TableName,
}

/// The context of `landing/create.sql`.
#[derive(Serialize)]
struct CreateContext<'a> {
    landing: &'a TableName,
    /// Whether an existing table is a fault.
    must_be_new: bool,
}

/// The context of the statements about the whole table.
#[derive(Serialize)]
struct LandingContext<'a> {
    landing: &'a TableName,
}

/// The context of `landing/landed.sql`.
#[derive(Serialize)]
struct LandedContext<'a> {
    landing: &'a TableName,
    /// The metadata table that lists the files of the landing table.
    files: TableName,
    location: String,
    batch: i64,
}

/// The context of `landing/unknown.sql`.
#[derive(Serialize)]
struct UnknownContext<'a> {
    landing: &'a TableName,
    after_batch: i64,
}

/// The context of `landing/add_files.sql`.
#[derive(Serialize)]
struct AddFilesContext<'a> {
    landing: &'a TableName,
    location: String,
}

/// A row of `landing/highest_batch.sql`.
#[derive(Deserialize)]
struct HighestBatchRow {
    #[serde(rename = "_batch_id")]
    batch: i64,
}

/// The row of `landing/landed.sql`.
#[derive(Deserialize)]
struct LandedRow {
    /// Files and rows of the batch; 0 if it is not in the table.
    landed: i64,
}

impl<'a> Landing<'a> {
    fn context(&self) -> LandingContext<'a> {
        LandingContext {
            landing: self.table,
        }
    }
}

/// Makes the landing table if it does not exist.
pub async fn ensure(landing: Landing<'_>) -> Result<()> {
    make(landing, false).await
}

/// As [`ensure`]; true if the table surely did not exist before.
///
/// A new table needs no [`highest_batch`], which takes Trino several times as long as this.
pub async fn create(landing: Landing<'_>) -> Result<bool> {
    match make(landing, true).await {
        Ok(()) => Ok(true),
        // Some catalogs answer `ALREADY_EXISTS` if an earlier attempt made the table at the same time.
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

async fn make(landing: Landing<'_>, must_be_new: bool) -> Result<()> {
    let Landing {
        table, publisher, ..
    } = landing;
    publisher.recognise(table, &LANDING_COLUMNS).await?;
    create_schema(publisher, table).await?;
    let create = CreateContext {
        landing: table,
        must_be_new,
    };
    let create = render("landing/create.sql", create)?;
    publisher.run(table, &create).await?;

    Ok(())
}

/// Creates the schema of a table, any table of the pipeline, if it does not exist.
pub async fn create_schema(publisher: Publisher<'_>, table: &TableName) -> Result<()> {
    let context = SchemaContext {
        schema: table.schema(),
    };
    let create = render("landing/create_schema.sql", context)?;
    publisher.run(table, &create).await?;

    Ok(())
}

/// The highest batch in the landing table, 0 if the table is empty. A new state database counts on from there.
pub async fn highest_batch(landing: Landing<'_>) -> Result<i64> {
    let rows = landing
        .publisher
        .rows::<HighestBatchRow>("landing/highest_batch.sql", landing.context())
        .await?;

    Ok(rows.first().map_or(0, |row| row.batch))
}

/// Whether a batch is in the landing table.
pub async fn landed(landing: Landing<'_>, batch: &Batch<'_>) -> Result<bool> {
    let Landing {
        folder,
        table,
        publisher,
    } = landing;
    let context = LandedContext {
        landing: table,
        files: table.metadata("files"),
        location: folder.location(batch),
        batch: batch.id,
    };
    let row: LandedRow = publisher.row("landing/landed.sql", context).await?;

    Ok(row.landed > 0)
}

/// Registers all files of a batch in one commit.
///
/// Doing it twice adds the rows twice: the caller makes sure that the batch has not [`landed`].
pub async fn register(landing: Landing<'_>, batch: &Batch<'_>) -> Result<()> {
    let Landing {
        folder,
        table,
        publisher,
    } = landing;
    let context = AddFilesContext {
        landing: table,
        location: folder.location(batch),
    };
    let sql = render("landing/add_files.sql", context)?;
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

/// Rewrites the manifests of many batches as few.
///
/// Every read of the table opens all manifests, and Iceberg itself merges them only when there are a hundred.
pub async fn optimize_manifests(landing: Landing<'_>) -> Result<()> {
    let sql = render("landing/optimize_manifests.sql", landing.context())?;
    landing.publisher.run(landing.table, &sql).await?;

    Ok(())
}

/// Drops the table if it exists.
pub async fn drop_table(publisher: Publisher<'_>, table: &TableName) -> Result<()> {
    let sql = render("landing/drop.sql", json!({"table": table}))?;
    publisher.run(table, &sql).await?;
    publisher.forget_files(table);

    Ok(())
}

/// Gives up the open batches of a pipeline whose landing table is gone. Its cursor has not moved, so whoever declares it again reads them.
pub async fn abandon_open(folder: &Folder, store: &Store, pipeline: &str) -> Result<()> {
    for open in store.open_batches(pipeline).await? {
        let batch = Batch {
            pipeline,
            id: open.id,
            run: open.run,
            keys_of: None,
        };
        folder.remove(&batch).await?;
        store.abandon_batch(pipeline, open.id).await?;
    }

    Ok(())
}

/// Takes over what landed after the backup that the state database was restored from. Then batches are counted on above it, and each event
/// of it stays staged once. Trino skips the files of the batches that are known.
pub async fn adopt_unknown(landing: Landing<'_>, store: &Store, run: Uuid) -> Result<()> {
    let publisher = landing.publisher;
    let context = UnknownContext {
        landing: landing.table,
        after_batch: store.last_sure_batch(publisher.pipeline).await?,
    };
    let unknown: Vec<UnknownEvents> = publisher.rows("landing/unknown.sql", context).await?;
    if unknown.is_empty() {
        return Ok(());
    }
    tracing::warn!(
        pipeline = publisher.pipeline,
        landing = %landing.table,
        batches = unknown.iter().map(|found| found.batch).collect::<BTreeSet<i64>>().len(),
        "the state database is older than the tables, such as after a restore; its batches are counted on, tables are remade from their typed logs, and models are built again"
    );

    store.adopt_batches(publisher.pipeline, run, &unknown).await
}

/// Finishes the open batches of earlier attempts: lands those that were written, removes the others.
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
            // A state database that was restored may know a batch as half read that landed long ago.
            if !landed(landing, &batch).await? {
                landing.folder.remove(&batch).await?;
            }
            store.abandon_batch(pipeline, open.id).await?;
            continue;
        }
        if open.files > 0 && !landed(landing, &batch).await? {
            match register(landing, &batch).await {
                // The batch's files are gone. The cursor has not moved, so the next run reads its events again.
                Err(Error::Trino(failure)) if failure.message.contains("Location not found") => {
                    store.abandon_batch(pipeline, open.id).await?;
                    continue;
                }
                registered => registered?,
            }
        }
        store.record_landed_batch(pipeline, open.id, None).await?;
    }

    Ok(())
}
