//! The step `extract`: what the source has that the cursor has not seen, landed as one batch.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::attempt::{Attempt, add};
use super::{deletes, shape};
use crate::error::{Error, Result, causes};
use crate::landing::{self, Batch, Landing, Writer};
use crate::pipeline::SourceTable;
use crate::publish::Publisher;
use crate::source::{self, Intake, Purpose, Reading, Source};
use crate::state::{FileState, SourceEvents, WrittenBatch};

/// So many manifests cost a read of the landing table a tenth of a second.
const MOST_MANIFESTS: i64 = 32;
/// How long a standby is left alone that cancelled a read, before it is read again from the cursor.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(9),
];

/// Lands everything that the source committed since the last batch, and moves the cursor once that is proven; a full load in parts, each
/// a batch of its own, so that it goes on where it was interrupted.
pub(super) async fn extract(
    attempt: &Attempt<'_>,
    publisher: Publisher<'_>,
) -> Result<Map<String, Value>> {
    let mut counts = Map::new();
    loop {
        let (read, is_partial) = extract_patiently(attempt, publisher).await?;
        add(&mut counts, &read);
        if !is_partial {
            return Ok(counts);
        }
    }
}

/// As [`extract_batch`]; begins again where a standby ended the read, whose batch the next try gives up.
async fn extract_patiently(
    attempt: &Attempt<'_>,
    publisher: Publisher<'_>,
) -> Result<(Map<String, Value>, bool)> {
    for pause in PAUSES {
        match Box::pin(extract_batch(attempt, publisher)).await {
            Err(error @ Error::SourceConflict { .. }) => {
                let cause = causes(&error);
                tracing::warn!(run_id = %publisher.attempt.run, cause, "the standby ended the read, which begins again");
                tokio::time::sleep(pause).await;
            }
            ended => return ended,
        }
    }

    Box::pin(extract_batch(attempt, publisher)).await
}

/// Lands one batch; says whether another is to follow at once.
async fn extract_batch(
    attempt: &Attempt<'_>,
    publisher: Publisher<'_>,
) -> Result<(Map<String, Value>, bool)> {
    let Attempt {
        app,
        definition,
        names,
        ..
    } = attempt;
    let table = names.landing();
    let landing = Landing {
        folder: &app.folder,
        table: &table,
        publisher,
    };
    let mut source = source::open(definition, &app.connections, &app.store).await?;
    let floor = floor(attempt, landing).await?;
    landing::sweep(landing, &app.store).await?;

    // Before anything is read: what cannot land is not read again by each try.
    for table in definition.tables.values() {
        if let Some(known) = app.store.table(&table.id).await? {
            shape::same_ids(table, &known)?;
        }
    }
    let cursor = app.store.cursor(&definition.name).await?;
    let last = cursor.as_ref().map(|cursor| &cursor.position);
    let covered_before = cursor.as_ref().map(|cursor| cursor.covered_until);
    source.unlimit().await?;
    let reading = source.begin(last, covered_before, Purpose::Read).await?;
    // A server tells its columns before it is read, files while they are.
    let tells_columns = definition.source.files().is_none();
    if tells_columns {
        see(attempt, &*source, floor).await?;
    }
    let batch = Batch {
        pipeline: &definition.name,
        id: app
            .store
            .begin_batch(&definition.name, publisher.attempt.run, floor)
            .await?,
        run: publisher.attempt.run,
        keys_of: None,
    };
    let (written, not_unique) = write(
        attempt,
        publisher,
        (&*source, &reading, covered_before),
        batch,
    )
    .await?;
    if !tells_columns {
        see(attempt, &*source, floor).await?;
    }
    app.store
        .batch_written(&definition.name, batch.id, &written)
        .await?;
    if written.files > 0 {
        landing::register(landing, &batch).await?;
    }
    app.store
        .batch_landed(&definition.name, batch.id, reading.blocked().as_ref())
        .await?;
    attempt.note(format!("batch {}", batch.id));

    // What has landed is landed; the next run tidies again.
    if let Err(error) = source.tidy().await {
        tracing::warn!(run_id = %publisher.attempt.run, %error, "files that have landed were not moved or deleted");
    }
    if app.config.runs.optimize && batch.id % MOST_MANIFESTS == 0 {
        // The batch has landed; that reading it is a little slower is no reason to fail.
        if let Err(error) = landing::optimize_manifests(landing).await {
            tracing::warn!(run_id = %publisher.attempt.run, %error, "manifests of the landing table were not written as one");
        }
    }

    let mut counts = counts(attempt, &written);
    if not_unique > 0 {
        counts.insert("not_unique".to_owned(), not_unique.into());
    }

    Ok((counts, reading.is_partial))
}

/// Makes the landing table where there is none; gives the batch that others come after where the state database knows none.
async fn floor(attempt: &Attempt<'_>, landing: Landing<'_>) -> Result<i64> {
    let Attempt {
        app, definition, ..
    } = attempt;
    let is_known = app.store.knows_batches(&definition.name).await?;
    let mut is_new = false;
    app.make_once(&landing.table.to_string(), async || {
        if is_known {
            landing::ensure(landing).await
        } else {
            is_new = landing::create(landing).await?;
            Ok(())
        }
    })
    .await?;
    // One that was made just now holds none.
    if is_known || is_new {
        return Ok(0);
    }

    landing::highest_batch(landing).await
}

/// Refuses a table that cannot be read from its source again.
pub(super) async fn can_again(attempt: &Attempt<'_>, table: &str) -> Result<()> {
    let app = attempt.app;
    let source = source::open(attempt.definition, &app.connections, &app.store).await?;

    source.check_reread(table).await
}

/// Brings batches that an earlier try left on their way to their end, and reads nothing new.
pub(super) async fn settle(
    attempt: &Attempt<'_>,
    publisher: Publisher<'_>,
) -> Result<Map<String, Value>> {
    let table = attempt.names.landing();
    let landing = Landing {
        folder: &attempt.app.folder,
        table: &table,
        publisher,
    };
    landing::sweep(landing, &attempt.app.store).await?;

    Ok(Map::new())
}

/// Compares what every table is made of with what its source has.
async fn see(attempt: &Attempt<'_>, source: &dyn Source, floor: i64) -> Result<()> {
    for table in attempt.definition.tables.values() {
        let catalogue = source.columns_of(&table.source).await?;
        shape::register_or_evolve(attempt, table, catalogue, floor).await?;
    }

    Ok(())
}

/// Streams the reading into the batch's files; gives the rows that were left out for another of their key, too.
async fn write(
    attempt: &Attempt<'_>,
    publisher: Publisher<'_>,
    (source, reading, covered_before): (&dyn Source, &Reading, Option<Timestamp>),
    batch: Batch<'_>,
) -> Result<(WrittenBatch, i64)> {
    let ingested_at_us = reading.read_at.as_microsecond();
    let writer = Writer::new(&attempt.app.folder, batch, ingested_at_us);
    let mut intake = Intake::new(writer);
    source.read(batch.id, &mut intake).await?;
    let (unfinished, are_more_gone) =
        deletes::find(attempt, publisher, (source, reading), batch, &mut intake).await?;
    let (tally, files) = intake.finish().await?;

    let position = source.position_after(reading, &tally, &unfinished)?;
    let (tables, not_unique) = (tally.tables, tally.not_unique);
    let written = WrittenBatch {
        position,
        // Rows that went and are deleted by a later batch are not covered by this one.
        covered_until: covered_before
            .filter(|_| are_more_gone)
            .unwrap_or_else(|| source.covered_after(reading, covered_before)),
        events: tables.iter().map(|(_, held)| held.events).sum(),
        files: i64::try_from(files.count).map_err(Error::internal)?,
        bytes: i64::try_from(files.bytes).map_err(Error::internal)?,
        read_files: source.read_files(),
        tables,
    };

    Ok((written, not_unique))
}

fn counts(attempt: &Attempt<'_>, written: &WrittenBatch) -> Map<String, Value> {
    let files_in = |state: FileState| {
        let files = written.read_files.iter();
        i64::try_from(files.filter(|file| file.state == state).count()).unwrap_or(i64::MAX)
    };
    let read_files = attempt.definition.source.files().map(|_| {
        [
            ("files_landed", files_in(FileState::Landed)),
            ("files_unreadable", files_in(FileState::Unreadable)),
            ("files_changed", files_in(FileState::Changed)),
        ]
    });
    let is_tracked = |table: &SourceTable| {
        let mut tracked = attempt.definition.tables.values();
        tracked.any(|tracked| tracked.source == *table)
    };
    let ignored: i64 = written
        .tables
        .iter()
        .filter(|(table, _)| !is_tracked(table))
        .map(|(_, SourceEvents { events, .. })| events)
        .sum();

    [
        ("events", written.events),
        ("ignored", ignored),
        ("files", written.files),
        ("bytes", written.bytes),
    ]
    .into_iter()
    .chain(read_files.into_iter().flatten())
    .map(|(name, count)| (name.to_owned(), count.into()))
    .collect()
}
