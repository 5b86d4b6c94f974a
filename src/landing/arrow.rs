//! Events as Arrow record batches, in the columns of the landing table.

use std::mem;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{
    Int64Builder, MapBuilder, MapFieldNames, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{
    Array, ArrayRef, Int64Array, MapArray, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use super::frame::{Frames, Values};
use super::{Event, fields};

const ROWS: usize = 4_096;
const BYTES: usize = 1 << 20;
/// Columns get room in multiples of it: what one left then fits the next.
const ROOM: usize = 16 << 10;

/// The landing table's columns as Arrow names them.
pub(super) static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(schema);

/// Collects events until a record batch is full: 4,096 rows or 1 MiB of row text.
pub(super) struct Rows {
    batch: i64,
    ingested_at_us: i64,
    count: usize,
    bytes: usize,
    columns: Columns,
    frames: Frames,
}

impl Rows {
    /// Begins collecting the events of a batch that was read at `ingested_at_us`, microseconds since 1970 UTC.
    pub(super) fn new(batch: i64, ingested_at_us: i64) -> Self {
        Self {
            batch,
            ingested_at_us,
            count: 0,
            bytes: 0,
            columns: Columns::with_capacity(Capacity::default()),
            frames: Frames::default(),
        }
    }

    /// Adds an event and says whether the batch is full.
    pub(super) fn push(&mut self, event: &Event<'_>) -> Result<bool, ArrowError> {
        self.columns.push(event, &mut self.frames)?;
        self.count += 1;
        self.bytes += event.data.map_or(0, str::len);

        Ok(self.count >= ROWS || self.bytes >= BYTES)
    }

    /// Gives what was collected and begins anew.
    pub(super) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = mem::take(&mut self.count);
        self.bytes = 0;
        let columns = mem::replace(
            &mut self.columns,
            Columns::with_capacity(Capacity::default()),
        );
        let (data, fields, mut read) = columns.finish();
        self.columns = Columns::with_capacity(Capacity::of(&data, &fields));
        let ingested_at = TimestampMicrosecondArray::from_value(self.ingested_at_us, rows);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(ingested_at.with_timezone("UTC"))];
        columns.append(&mut read);
        columns.push(Arc::new(data));
        columns.push(Arc::new(fields));
        columns.push(Arc::new(Int64Array::from_value(self.batch, rows)));

        RecordBatch::try_new(SCHEMA.clone(), columns)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// The columns that differ from event to event.
struct Columns {
    source_file: StringBuilder,
    event_id: Int64Builder,
    operation: StringBuilder,
    occurred_at: TimestampMicrosecondBuilder,
    schema: StringBuilder,
    table: StringBuilder,
    data: StringBuilder,
    fields: MapBuilder<StringBuilder, StringBuilder>,
}

/// How much room columns get at once: a little more than those before them took, so that they mostly need not grow.
#[derive(Clone, Copy, Default)]
struct Capacity {
    rows: usize,
    data: usize,
    fields: usize,
    names: usize,
    values: usize,
}

impl Capacity {
    fn of(data: &StringArray, fields: &MapArray) -> Self {
        let bytes = |texts: &dyn Array| {
            texts
                .as_any()
                .downcast_ref::<StringArray>()
                .map_or(0, |texts| texts.value_data().len())
        };
        let room = |taken: usize| (taken + taken / 16).next_multiple_of(ROOM);

        Self {
            rows: data.len(),
            data: room(bytes(data)),
            fields: room(fields.keys().len()),
            names: room(bytes(fields.keys())),
            values: room(bytes(fields.values())),
        }
    }
}

impl Columns {
    fn with_capacity(capacity: Capacity) -> Self {
        let Capacity {
            rows,
            data,
            fields,
            names: name_bytes,
            values,
        } = capacity;
        let text = || StringBuilder::with_capacity(rows, 16 * rows);

        Self {
            source_file: StringBuilder::with_capacity(rows, 0),
            event_id: Int64Builder::with_capacity(rows),
            operation: text(),
            occurred_at: TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"),
            schema: text(),
            table: text(),
            data: StringBuilder::with_capacity(rows, data),
            fields: MapBuilder::with_capacity(
                Some(names()),
                StringBuilder::with_capacity(fields, name_bytes),
                StringBuilder::with_capacity(fields, values),
                rows,
            ),
        }
    }

    fn push(&mut self, event: &Event<'_>, frames: &mut Frames) -> Result<(), ArrowError> {
        self.source_file.append_option(event.source_file);
        self.event_id.append_option(event.event_id);
        self.operation.append_option(event.operation);
        self.occurred_at.append_option(event.occurred_at_us);
        self.schema.append_option(event.schema);
        self.table.append_option(event.table);
        self.data.append_option(event.data);
        let is_object = match event.data {
            Some(data) => self.push_fields(event.table.unwrap_or_default(), data, frames)?,
            None => false,
        };

        self.fields.append(is_object)
    }

    /// Adds what a row's JSON holds, and says whether it is an object.
    fn push_fields(
        &mut self,
        table: &str,
        json: &str,
        frames: &mut Frames,
    ) -> Result<bool, ArrowError> {
        let mut values = Values::new();
        if let Some(names) = frames.read(table, json, &mut values) {
            self.fields.keys().append_array(names)?;
            for value in &values {
                self.fields.values().append_option(value.text());
            }
            return Ok(true);
        }
        let Some(opened) = fields::open(json) else {
            return Ok(false);
        };
        for (name, value) in opened.iter() {
            self.fields.keys().append_value(name);
            self.fields.values().append_option(value);
        }
        frames.learn(table, json, &opened);

        Ok(true)
    }

    /// Gives the rows' text, its fields, and the columns before them.
    fn finish(mut self) -> (StringArray, MapArray, Vec<ArrayRef>) {
        let read: Vec<ArrayRef> = vec![
            Arc::new(self.source_file.finish()),
            Arc::new(self.event_id.finish()),
            Arc::new(self.operation.finish()),
            Arc::new(self.occurred_at.finish()),
            Arc::new(self.schema.finish()),
            Arc::new(self.table.finish()),
        ];

        (self.data.finish(), self.fields.finish(), read)
    }
}

/// The names that Iceberg's name mapping expects inside a map.
fn names() -> MapFieldNames {
    MapFieldNames {
        entry: "key_value".into(),
        key: "key".into(),
        value: "value".into(),
    }
}

fn schema() -> SchemaRef {
    let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let entry = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Utf8, true),
    ]);
    let map = DataType::Map(
        Arc::new(Field::new("key_value", DataType::Struct(entry), false)),
        false,
    );
    let columns = [
        ("ingested_at", moment.clone()),
        ("source_file", DataType::Utf8),
        ("audit_event_id", DataType::Int64),
        ("audit_operation", DataType::Utf8),
        ("audit_timestamp", moment),
        ("tbl_schema", DataType::Utf8),
        ("tbl_name", DataType::Utf8),
        ("raw_data", DataType::Utf8),
        ("fields", map),
        ("_batch_id", DataType::Int64),
    ];
    let fields: Vec<Field> = columns
        .into_iter()
        .map(|(name, data_type)| Field::new(name, data_type, true))
        .collect();

    Arc::new(Schema::new(fields))
}
