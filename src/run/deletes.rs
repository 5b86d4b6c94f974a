//! Rows that a table no longer has: found by comparing its keys, all of them, with those of the current rows.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::attempt::Attempt;
use crate::error::{Error, Result};
use crate::landing::{self, Batch, Event, Landing, Writer};
use crate::publish::Publisher;
use crate::source::{Opened, Reading, Tally};
use crate::sql::render;

/// Deletes that one batch takes; the next finds the others.
const MOST_DELETES: usize = 100_000;
/// The events of deletes are numbered from here on in their batch: after all rows that were read.
const DELETES_OF_A_BATCH: i64 = 1 << 35;

/// Adds a delete to the batch for each current row whose key the source no longer has, for the tables that are compared in this
/// reading; gives those of which there are more than a batch takes.
///
/// The keys are read in the snapshot of the rows and land in a table of their own, which is dropped when they were compared: of
/// what an earlier try left there, nothing has this batch's number.
///
/// # Errors
///
/// Those of the source, [`Error::LandingUnavailable`], [`Error::Trino`], [`Error::TrinoUnavailable`], [`Error::StateUnavailable`].
pub(super) async fn find(
    attempt: &Attempt<'_>,
    publisher: Publisher<'_>,
    (source, reading): (&Opened<'_>, &Reading),
    batch: Batch<'_>,
    (tally, writer): (&mut Tally, &mut Writer<'_>),
) -> Result<Vec<String>> {
    let mut unfinished = Vec::new();
    let mut id = source.first_event(batch.id) + DELETES_OF_A_BATCH;
    for name in reading.compared() {
        let gone = gone(attempt, publisher, (source, reading), batch, name).await?;
        if gone.len() == MOST_DELETES {
            unfinished.push(name.to_owned());
        }
        let Some(table) = attempt.definition.tables.get(name) else {
            continue;
        };
        let (schema, table) = table.origin();
        for key in gone {
            id += 1;
            let data = Value::Object(key).to_string();
            let event = Event {
                event_id: Some(id),
                operation: Some("D"),
                occurred_at_us: Some(reading.read_at.as_microsecond()),
                schema: Some(schema),
                table: Some(table),
                data: Some(&data),
                source_file: None,
            };
            tally.count(&event);
            writer.push(&event).await?;
        }
    }

    Ok(unfinished)
}

/// Says in a cursor that tables are to be compared again by the next reading.
pub(super) fn compare_again(position: &mut Value, tables: &[String]) {
    for table in tables {
        position["tables"][table]["compared_at"] = Value::Null;
    }
}

/// The keys that a table no longer has, by the names of their fields.
async fn gone(
    attempt: &Attempt<'_>,
    publisher: Publisher<'_>,
    (source, reading): (&Opened<'_>, &Reading),
    batch: Batch<'_>,
    name: &str,
) -> Result<Vec<Map<String, Value>>> {
    let app = attempt.app;
    let known = app.store.table(&attempt.definition.name, name).await?;
    let Some(known) = known.filter(|known| known.current_batch > 0 && !known.current_anew) else {
        return Ok(Vec::new());
    };
    let keys = attempt.names.keys(name);
    let batch = Batch {
        keys_of: Some(name),
        ..batch
    };
    let mut writer = Writer::new(&app.folder, batch, Timestamp::now().as_microsecond());
    source.read_keys(reading, name, &mut writer).await?;
    let files = writer.finish().await?;
    let landing = Landing {
        folder: &app.folder,
        table: &keys,
        publisher,
    };
    landing::drop(landing).await?;
    landing::ensure(landing).await?;
    if files.count > 0 {
        landing::register(landing, &batch).await?;
    }
    let key_columns: Vec<_> = known
        .columns
        .iter()
        .filter(|column| column.is_key)
        .collect();
    let sql = render(
        "landing/gone.sql",
        json!({
            "keys": keys,
            "current": attempt.names.current(name),
            "key_columns": key_columns,
            "batch": batch.id,
            "limit": MOST_DELETES,
        }),
    )?;
    let rows = publisher.read(&sql).await?;
    landing::drop(landing).await?;
    app.folder.remove(&batch).await?;

    rows.into_iter()
        .map(|row| {
            if row.len() != key_columns.len() {
                return Err(Error::internal("a key of another shape was found"));
            }
            Ok(key_columns
                .iter()
                .map(|column| column.from.clone())
                .zip(row)
                .collect())
        })
        .collect()
}
