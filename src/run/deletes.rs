//! Rows that a table no longer has: found by comparing its keys, all of them, with those of the current rows and of what landed since.

use serde_json::{Map, Value, json};

use super::attempt::Attempt;
use crate::error::{Error, Result};
use crate::landing::{self, Batch, Event, Landing, Writer};
use crate::pipeline::{Column, Table, TableId};
use crate::publish::Publisher;
use crate::source::{Intake, Reading, Source};
use crate::sql::render;

/// Deletes that one batch takes; the next finds the others.
const MOST_DELETES: usize = 100_000;
/// The events of deletes are numbered from here on in their batch: after all rows that were read.
const DELETES_OF_A_BATCH: i64 = 1 << 35;

/// Adds a delete to the batch for each row, current or about to be, whose key the source no longer has, for the tables that are compared
/// in this reading; gives those that are to be compared again: there are more than a batch takes, which is told besides, or their current
/// rows are to be made anew first. Ends the source's snapshot.
///
/// The keys are read in the snapshot of the rows and land in a table of their own, which is dropped when they were compared: of
/// what an earlier try left there, nothing has this batch's number.
pub(super) async fn find(
    attempt: &Attempt<'_>,
    publisher: Publisher<'_>,
    (source, reading): (&dyn Source, &Reading),
    batch: Batch<'_>,
    intake: &mut Intake<'_>,
) -> Result<(Vec<String>, bool)> {
    let mut unfinished = Vec::new();
    let mut are_more = false;
    let mut compared = Vec::new();
    if !reading.compared.is_empty() {
        // What an earlier try left.
        let folder = &attempt.app.folder;
        folder.remove_keys(&attempt.definition.name).await?;
    }
    for name in &reading.compared {
        match read(attempt, (source, reading), batch, name).await? {
            Some(keys) => compared.push((name, keys)),
            None => unfinished.push(name.clone()),
        }
    }
    source.end().await?;
    let mut id = source.first_event(batch.id) + DELETES_OF_A_BATCH;
    for (name, keys) in &compared {
        let Some(table) = attempt.definition.tables.get(*name) else {
            continue;
        };
        let gone = gone(attempt, publisher, keys, table).await?;
        if gone.len() == MOST_DELETES {
            unfinished.push((*name).clone());
            are_more = true;
        }
        for key in gone {
            id += 1;
            let data = Value::Object(key).to_string();
            let event = Event {
                event_id: Some(id),
                operation: Some("D"),
                occurred_at_us: Some(reading.deleted_at.as_microsecond()),
                schema: Some(&table.source.schema),
                table: Some(&table.source.name),
                data: Some(&data),
                source_file: None,
            };
            intake.push(&event).await?;
        }
    }

    Ok((unfinished, are_more))
}

/// The keys of a table, in files of their own.
struct Keys<'a> {
    batch: Batch<'a>,
    files: usize,
    columns: Vec<Column>,
    /// The last batch that the current rows have; 0 where there are none yet.
    current_batch: i64,
}

/// Reads the keys of a table; none where the rows to compare them with are to be made anew, or have another key.
async fn read<'a>(
    attempt: &Attempt<'_>,
    (source, reading): (&dyn Source, &Reading),
    batch: Batch<'a>,
    name: &'a str,
) -> Result<Option<Keys<'a>>> {
    let app = attempt.app;
    let known = app
        .store
        .table(&TableId::new(&attempt.definition.name, name))
        .await?;
    let Some(known) = known.filter(|known| !known.current_anew) else {
        return Ok(None);
    };
    let current_batch = known.current_batch;
    let columns: Vec<Column> = known
        .columns
        .into_iter()
        .filter(|column| column.is_key)
        .collect();
    let fields = source.key_fields(name).await?;
    let is_comparable = columns.len() == fields.len()
        && columns
            .iter()
            .all(|column| column.path.is_none() && fields.contains(&column.from));
    if !is_comparable {
        tracing::warn!(
            pipeline = attempt.definition.name,
            table = name,
            "keys are not compared: those of the tables are others than those of the source"
        );
        return Ok(None);
    }
    let batch = Batch {
        keys_of: Some(name),
        ..batch
    };
    let writer = Writer::new(&app.folder, batch, reading.read_at.as_microsecond());
    let mut intake = Intake::new(writer);
    source.read_keys(name, &mut intake).await?;
    let (_, files) = intake.finish().await?;

    Ok(Some(Keys {
        batch,
        files: files.count,
        columns,
        current_batch,
    }))
}

/// The keys that a table no longer has, by the names of their fields.
async fn gone(
    attempt: &Attempt<'_>,
    publisher: Publisher<'_>,
    keys: &Keys<'_>,
    table: &Table,
) -> Result<Vec<Map<String, Value>>> {
    let name = &table.id.name;
    let source = &table.source;
    let table = attempt.names.keys(name);
    let landing = Landing {
        folder: &attempt.app.folder,
        table: &table,
        publisher,
    };
    // What an earlier try still has Trino do would drop or fill the table of this one.
    publisher.resolve(&table).await?;
    landing::drop_table(landing).await?;
    landing::ensure(landing).await?;
    if keys.files > 0 {
        landing::register(landing, &keys.batch).await?;
    }
    let after_batch = match keys.current_batch {
        0 => {
            attempt
                .app
                .store
                .before_first(&attempt.definition.name)
                .await?
        }
        current => current,
    };
    let sql = render(
        "landing/gone.sql",
        json!({
            "keys": table,
            "current": (keys.current_batch > 0).then(|| attempt.names.current(name)),
            "landing": attempt.names.landing(),
            "after_batch": after_batch,
            "from": {"schema": source.schema, "table": source.name},
            "key_columns": keys.columns,
            "batch": keys.batch.id,
            "limit": MOST_DELETES,
        }),
    )?;
    let rows = publisher.read(&sql).await?;
    landing::drop_table(landing).await?;
    attempt.app.folder.remove(&keys.batch).await?;

    rows.into_iter()
        .map(|row| {
            if row.len() != keys.columns.len() {
                return Err(Error::internal("a key of another shape was found"));
            }
            Ok(keys
                .columns
                .iter()
                .map(|column| column.from.clone())
                .zip(row)
                .collect())
        })
        .collect()
}
