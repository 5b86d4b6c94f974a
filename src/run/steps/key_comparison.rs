//! Key comparison: finds the rows that a source table no longer has. It compares all the table's keys with those of the
//! current rows and of later batches.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::landing::{self, Batch, Event, ForgottenKeys, Landing, Writer};
use crate::pipeline::{Column, SourceTable, Table, TableId};
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::source::{Intake, Reading, Source};
use crate::sql::{TableName, render};
use crate::warehouse::{Slice, Slicing};

/// The most deletes of one table in one batch. The next batch finds the others.
const MAX_DELETES: usize = 100_000;
/// The number of the first delete in its batch, above all rows that were read.
const FIRST_DELETE: i64 = 1 << 35;

pub(super) struct KeyComparison<'a> {
    pub(super) attempt: &'a Attempt<'a>,
    pub(super) publisher: Publisher<'a>,
    pub(super) source: &'a dyn Source,
    pub(super) reading: &'a Reading,
    pub(super) batch: Batch<'a>,
    pub(super) forgotten: &'a ForgottenKeys,
}

/// What the next batch has to compare again.
pub(super) struct LeftToCompare {
    pub(super) tables: Vec<String>,
    /// Whether one of the tables has more deletes than a batch takes.
    pub(super) are_deletes: bool,
}

/// The keys of a source table, in files of their own.
struct Keys<'a> {
    table: &'a Table,
    batch: Batch<'a>,
    files: usize,
    rows: i64,
    columns: Vec<Column>,
    /// The last batch of the current rows; 0 if there are none yet.
    current_batch: i64,
}

/// The context of `landing/gone.sql`.
#[derive(Serialize)]
struct GoneContext<'a> {
    keys: TableName,
    /// `None` if there are no current rows yet.
    current: Option<TableName>,
    landing: TableName,
    after_batch: i64,
    from: &'a SourceTable,
    key_columns: &'a [Column],
    batch: i64,
    limit: usize,
    slice: Option<Slice>,
}

impl<'a> KeyComparison<'a> {
    /// Adds a delete to the batch for each current or landed row whose key the source no longer has. Ends the source's
    /// snapshot.
    ///
    /// The keys are read in the snapshot of the rows. They land in a table of their own, which is dropped after the
    /// comparison. Keys of an earlier attempt in that table have another batch number.
    pub(super) async fn write_deletes(&self, intake: &mut Intake<'_>) -> Result<LeftToCompare> {
        let mut left = LeftToCompare {
            tables: Vec::new(),
            are_deletes: false,
        };
        let mut compared = Vec::new();
        if !self.reading.compared.is_empty() {
            // The keys of an earlier attempt.
            let folder = &self.attempt.app.folder;
            folder.remove_keys(&self.attempt.definition.name).await?;
        }
        for name in &self.reading.compared {
            match self.read_keys(name).await? {
                Some(keys) => compared.push(keys),
                None => left.tables.push(name.clone()),
            }
        }
        self.source.end().await?;
        let mut id = self.source.first_event(self.batch.id) + FIRST_DELETE;
        for keys in &compared {
            let gone = self.gone(keys).await?;
            if gone.len() == MAX_DELETES {
                left.tables.push(keys.table.id.name.clone());
                left.are_deletes = true;
            }
            for key in gone {
                id += 1;
                let data = Value::Object(key).to_string();
                let event = Event {
                    event_id: Some(id),
                    operation: Some("D"),
                    occurred_at_us: Some(self.reading.deleted_at.as_microsecond()),
                    schema: Some(&keys.table.source.schema),
                    table: Some(&keys.table.source.name),
                    data: Some(&data),
                    source_file: None,
                };
                intake.push(&event).await?;
            }
        }

        Ok(left)
    }

    /// Reads the keys of a table; `None` if its current rows must be remade first, or have another key.
    async fn read_keys(&self, name: &'a str) -> Result<Option<Keys<'a>>> {
        let Attempt {
            app, definition, ..
        } = self.attempt;
        let Some(table) = definition.tables.get(name) else {
            return Ok(None);
        };
        let known = app.store.table(&table.id).await?;
        let Some(known) = known.filter(|known| !known.remakes_current) else {
            return Ok(None);
        };
        let current_batch = known.current_batch;
        let columns: Vec<Column> = known
            .columns
            .into_iter()
            .filter(|column| column.is_key)
            .collect();
        let fields = self.source.key_fields(name).await?;
        let is_comparable = columns.len() == fields.len()
            && columns
                .iter()
                .all(|column| column.path.is_none() && fields.contains(&column.from));
        if !is_comparable {
            tracing::warn!(
                pipeline = definition.name,
                table = name,
                "keys are not compared: the source table and the current rows have different keys"
            );
            return Ok(None);
        }
        let batch = Batch {
            keys_of: Some(name),
            ..self.batch
        };
        let read_at_us = self.reading.read_at.as_microsecond();
        let writer = Writer::new(&app.folder, batch, read_at_us, self.forgotten);
        let mut intake = Intake::new(writer);
        self.source.read_keys(name, &mut intake).await?;
        let taken = intake.finish().await?;
        let counts = taken.tally.tables.iter();
        let rows = counts.map(|table| table.summary.event_count).sum();

        Ok(Some(Keys {
            table,
            batch,
            files: taken.files.count,
            rows,
            columns,
            current_batch,
        }))
    }

    /// The keys that a table no longer has, by the names of their fields.
    async fn gone(&self, keys: &Keys<'_>) -> Result<Vec<Map<String, Value>>> {
        let Attempt { app, names, .. } = self.attempt;
        let publisher = self.publisher;
        let TableId { pipeline, name } = &keys.table.id;
        let table = names.keys(name);
        let landing = Landing {
            folder: &app.folder,
            table: &table,
            publisher,
        };
        // A running statement of an earlier attempt would drop or fill this attempt's table.
        publisher.resolve(&table).await?;
        landing::drop_table(publisher, &table).await?;
        landing::ensure(landing).await?;
        if keys.files > 0 {
            landing::register(landing, &keys.batch).await?;
        }
        let after_batch = match keys.current_batch {
            0 => app.store.before_first(pipeline).await?,
            current => current,
        };
        let memory = app.config.trino.statement_memory_bytes;
        let mut slicing = Slicing::of_columns(&keys.columns, keys.rows, memory);
        let mut rows = Vec::new();
        while let Some(slice) = slicing.slice().filter(|_| rows.len() < MAX_DELETES) {
            let context = GoneContext {
                keys: table.clone(),
                current: (keys.current_batch > 0).then(|| names.current(name)),
                landing: names.landing(),
                after_batch,
                from: &keys.table.source,
                key_columns: &keys.columns,
                batch: keys.batch.id,
                limit: MAX_DELETES - rows.len(),
                slice: slice.restriction(),
            };
            let gone = publisher.read(&render("landing/gone.sql", context)?).await;
            rows.extend(slicing.ended(slice, gone)?.unwrap_or_default());
        }
        landing::drop_table(publisher, &table).await?;
        app.folder.remove(&keys.batch).await?;

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
}
