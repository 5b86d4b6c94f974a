//! The step `extract`: what the source has committed since the cursor lands as a batch.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::columns;
use super::key_comparison::KeyComparison;
use crate::error::{Error, Result, causes};
use crate::landing::{self, Batch, ForgottenKeys, KeyHash, Landing, Writer};
use crate::pipeline::SourceTable;
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::StepEnd;
use crate::run::step;
use crate::source::{self, Intake, Purpose, Reading, Source, TakenEvents};
use crate::state::{FileState, Trigger, WrittenBatch};
use crate::warehouse;

/// The step rewrites the manifests of the landing table after this many batches. That many slow each read by a tenth of
/// a second.
const MAX_MANIFESTS: i64 = 32;
/// The pauses after a standby cancelled a read.
const STANDBY_PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(9),
];

/// Lands everything that the source committed since the last batch. Each batch moves the cursor once it is proven to have landed.
///
/// A full load is cut into several batches, so an interrupted load goes on after the last one.
pub(in crate::run) async fn extract(attempt: &Attempt<'_>) -> StepEnd {
    step::run(attempt, "extract", async |publisher| {
        let mut counts = Counts::default();
        let mut pauses = STANDBY_PAUSES.iter();
        loop {
            match Box::pin(extract_batch(attempt, publisher)).await {
                Ok(batch) => {
                    counts.add(&batch.counts);
                    if !batch.is_partial {
                        return Ok(counts);
                    }
                    pauses = STANDBY_PAUSES.iter();
                }
                Err(error) => {
                    let is_conflict = matches!(error, Error::SourceConflict { .. });
                    let Some(pause) = pauses.next().filter(|_| is_conflict) else {
                        return Err(error);
                    };
                    // The next attempt gives the batch up.
                    let cause = causes(&error);
                    tracing::warn!(run_id = %attempt.run.id, cause, "the standby ended the read, which begins again");
                    tokio::time::sleep(*pause).await;
                }
            }
        }
    })
    .await
}

/// Takes over batches that landed after the backup which the state database was restored from. Looks once since the start.
pub(in crate::run) async fn adopt_batches(attempt: &Attempt<'_>) -> Result<()> {
    let Attempt { app, run, .. } = attempt;
    let table = attempt.names.landing();
    let landing = Landing {
        folder: &app.folder,
        table: &table,
        publisher: attempt.publisher("extract"),
    };
    let what = format!("batches of {}", run.pipeline);

    app.make_once(&what, "", async || {
        if !app.store.knows_batches(&run.pipeline).await? {
            return Ok(());
        }
        match landing::adopt_unknown(landing, &app.store, run.id).await {
            // The extraction says what to do about that.
            Err(Error::Trino(failure)) if failure.is_missing_table() => Ok(()),
            adopted => adopted,
        }
    })
    .await
}

/// Lands or removes batches of earlier attempts. Reads nothing new.
pub(in crate::run) async fn finish_open_batches(
    attempt: &Attempt<'_>,
    publisher: Publisher<'_>,
) -> Result<()> {
    let table = attempt.names.landing();
    let landing = Landing {
        folder: &attempt.app.folder,
        table: &table,
        publisher,
    };

    landing::sweep(landing, &attempt.app.store).await
}

/// Refuses a source that cannot be read, and a table whose rows cannot be read again.
pub(in crate::run) async fn check_source(
    attempt: &Attempt<'_>,
    reread: Option<&str>,
) -> Result<()> {
    let app = attempt.app;
    let source = source::open(attempt.definition, &app.connections, &app.drops, &app.store).await?;
    match reread {
        Some(table) => source.check_reread(table).await,
        None => Ok(()),
    }
}

struct ExtractedBatch {
    counts: Counts,
    /// Whether another batch is to follow at once.
    is_partial: bool,
}

async fn extract_batch(attempt: &Attempt<'_>, publisher: Publisher<'_>) -> Result<ExtractedBatch> {
    let Attempt {
        app, definition, ..
    } = attempt;
    let run = attempt.run.id;
    let table = attempt.names.landing();
    let landing = Landing {
        folder: &app.folder,
        table: &table,
        publisher,
    };
    let mut source = source::open(definition, &app.connections, &app.drops, &app.store).await?;
    let floor = ensure_landing(attempt, landing).await?;
    landing::sweep(landing, &app.store).await?;

    // Check before reading. Otherwise every attempt would read rows that cannot land.
    for table in definition.tables.values() {
        if let Some(known) = app.store.table(&table.id).await? {
            columns::refuse_other_ids(table, &known)?;
        }
    }
    let cursor = app.store.cursor(&definition.name).await?;
    let last = cursor.as_ref().map(|cursor| &cursor.position);
    let covered_before = cursor.as_ref().map(|cursor| cursor.covered_until);
    source.unlimit().await?;
    let purpose = match attempt.run.trigger {
        Trigger::Poll | Trigger::TargetLag => Purpose::ReadPolled,
        Trigger::Api | Trigger::Schedule => Purpose::Read,
    };
    let reading = source.begin(last, covered_before, purpose).await?;
    // A server has its columns before it is read. Files show them only while they are read.
    let tells_columns = definition.source.files().is_none();
    if tells_columns {
        update_columns(attempt, &*source, floor).await?;
    }
    let forgotten = forgotten_keys(attempt).await?;
    let batch = Batch {
        pipeline: &definition.name,
        id: app.store.begin_batch(&definition.name, run, floor).await?,
        run,
        keys_of: None,
    };
    let reads = BatchReading {
        attempt,
        publisher,
        source: &*source,
        reading: &reading,
        batch,
        forgotten: &forgotten,
        covered_before,
    };
    let read = reads.write().await?;
    if !tells_columns {
        update_columns(attempt, &*source, floor).await?;
    }
    let written = &read.written;
    app.store
        .record_written_batch(&definition.name, batch.id, written)
        .await?;
    if written.files > 0 {
        landing::register(landing, &batch).await?;
    }
    app.store
        .record_landed_batch(&definition.name, batch.id, reading.blocked().as_ref())
        .await?;
    attempt.note(format!("batch {}", batch.id));

    // The batch has landed, so a fault here does not fail the run. The next run retries it.
    if let Err(error) = source.tidy().await {
        tracing::warn!(run_id = %run, %error, "files that have landed were not moved or deleted");
    }
    if app.config.runs.optimize
        && batch.id % MAX_MANIFESTS == 0
        && let Err(error) = landing::optimize_manifests(landing).await
    {
        tracing::warn!(run_id = %run, %error, "manifests of the landing table were not written as one");
    }

    Ok(ExtractedBatch {
        counts: read.counts(attempt)?,
        is_partial: reading.is_partial,
    })
}

/// The keys whose events are not taken any more.
async fn forgotten_keys(attempt: &Attempt<'_>) -> Result<ForgottenKeys> {
    let store = &attempt.app.store;
    let mut forgotten = ForgottenKeys::default();
    for keys in store.forgotten_keys(&attempt.definition.name).await? {
        let hashes = keys.hashes.into_iter().map(KeyHash::try_from);
        let hashes: HashSet<KeyHash> = hashes
            .collect::<Result<_, _>>()
            .map_err(|_| Error::internal("the hash of a forgotten key has another length"))?;
        let source = SourceTable::new(&keys.source_schema, &keys.source_table);
        forgotten.add(source, keys.key_columns, hashes);
    }

    Ok(forgotten)
}

/// Creates the landing table if it is missing. Gives the last batch that landed before the state database knew of any.
async fn ensure_landing(attempt: &Attempt<'_>, landing: Landing<'_>) -> Result<i64> {
    let Attempt {
        app, definition, ..
    } = attempt;
    let is_known = app.store.knows_batches(&definition.name).await?;
    let mut is_new = false;
    // Without batches, the table may be new, or dropped by a deletion since the start.
    let made = if is_known {
        String::new()
    } else {
        attempt.run.id.to_string()
    };
    app.make_once(&landing.table.to_string(), &made, async || {
        if is_known {
            refuse_missing(attempt, landing).await?;
            landing::ensure(landing).await
        } else {
            is_new = landing::create(landing).await?;
            Ok(())
        }
    })
    .await?;
    if is_known || is_new {
        return Ok(0);
    }

    landing::highest_batch(landing).await
}

/// Refuses to begin an empty landing table where one with events should be: its schema may have changed.
async fn refuse_missing(attempt: &Attempt<'_>, landing: Landing<'_>) -> Result<()> {
    let landed = attempt.app.store.last_landed(&attempt.definition.name);
    if landed.await? == 0 || warehouse::exists(landing.publisher, landing.table).await? {
        return Ok(());
    }

    Err(Error::ContractBroken {
        table: landing.table.to_string(),
        detail: "it has events, but is missing in Trino; if its schema changed in the definition or the settings, put the old one back, or rename the table there too. If it was dropped, read the source by a pipeline of another name".into(),
    })
}

/// Compares the columns of every table with those of its source.
async fn update_columns(attempt: &Attempt<'_>, source: &dyn Source, floor: i64) -> Result<()> {
    for table in attempt.definition.tables.values() {
        let catalogue = source.columns_of(&table.source).await?;
        columns::register_or_evolve(attempt, table, catalogue, floor).await?;
    }

    Ok(())
}

/// One reading of the source, which becomes one batch.
struct BatchReading<'a> {
    attempt: &'a Attempt<'a>,
    publisher: Publisher<'a>,
    source: &'a dyn Source,
    reading: &'a Reading,
    batch: Batch<'a>,
    forgotten: &'a ForgottenKeys,
    /// The time up to which earlier batches hold every change.
    covered_before: Option<Timestamp>,
}

struct ReadBatch {
    written: WrittenBatch,
    /// Rows that were skipped, because a newer row of the same read has their key.
    not_unique: i64,
}

impl BatchReading<'_> {
    /// Streams the reading, and the deletes that key comparisons find, into the files of the batch.
    async fn write(&self) -> Result<ReadBatch> {
        let &Self {
            attempt,
            source,
            reading,
            batch,
            forgotten,
            ..
        } = self;
        let ingested_at_us = reading.read_at.as_microsecond();
        let writer = Writer::new(&attempt.app.folder, batch, ingested_at_us, forgotten);
        let mut intake = Intake::new(writer);
        source.read(batch.id, &mut intake).await?;
        let comparison = KeyComparison {
            attempt,
            publisher: self.publisher,
            source,
            reading,
            batch,
            forgotten,
        };
        let left = comparison.write_deletes(&mut intake).await?;
        let TakenEvents { tally, files } = intake.finish().await?;

        let position = source.position_after(reading, &tally, &left.tables)?;
        let tables = tally.tables;
        let written = WrittenBatch {
            position,
            // A later batch holds the remaining deletes, so this batch does not cover them.
            covered_until: self
                .covered_before
                .filter(|_| left.are_deletes)
                .unwrap_or_else(|| source.covered_after(reading, self.covered_before)),
            events: tables.iter().map(|came| came.summary.event_count).sum(),
            files: i64::try_from(files.count).map_err(Error::internal)?,
            bytes: i64::try_from(files.bytes).map_err(Error::internal)?,
            read_files: source.read_files(),
            tables,
        };

        Ok(ReadBatch {
            written,
            not_unique: tally.not_unique,
        })
    }
}

impl ReadBatch {
    fn counts(&self, attempt: &Attempt<'_>) -> Result<Counts> {
        let Self {
            written,
            not_unique,
        } = self;
        let is_tracked = |table: &SourceTable| {
            let mut tracked = attempt.definition.tables.values();
            tracked.any(|tracked| tracked.source == *table)
        };
        let ignored = written
            .tables
            .iter()
            .filter(|came| !is_tracked(&came.table))
            .map(|came| came.summary.event_count)
            .sum();
        let mut counts = Counts::from([
            ("events", written.events),
            ("ignored", ignored),
            ("files", written.files),
            ("bytes", written.bytes),
        ]);
        if attempt.definition.source.files().is_some() {
            for (name, state) in [
                ("files_landed", FileState::Landed),
                ("files_unreadable", FileState::Unreadable),
                ("files_changed", FileState::Changed),
            ] {
                let files = written.read_files.iter();
                let count = files.filter(|file| file.state == state).count();
                counts.set(name, i64::try_from(count).map_err(Error::internal)?);
            }
        }
        if *not_unique > 0 {
            counts.set("not_unique", *not_unique);
        }

        Ok(counts)
    }
}
