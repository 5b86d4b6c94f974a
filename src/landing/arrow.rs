//! Events as Arrow record batches, in the columns of the landing table.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, Int64Builder, MapBuilder, MapFieldNames, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use super::{Event, fields};

const ROWS: usize = 4_096;
const BYTES: usize = 4 << 20;

/// The landing table's columns as Arrow names them.
pub(super) static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(schema);

/// Collects events until a record batch is full: 4,096 rows or 4 MiB of row text.
pub(super) struct Rows {
    batch: i64,
    ingested_at_us: i64,
    count: usize,
    bytes: usize,
    ingested_at: TimestampMicrosecondBuilder,
    source_file: StringBuilder,
    event_id: Int64Builder,
    operation: StringBuilder,
    occurred_at: TimestampMicrosecondBuilder,
    schema: StringBuilder,
    table: StringBuilder,
    data: StringBuilder,
    fields: MapBuilder<StringBuilder, StringBuilder>,
    batch_id: Int64Builder,
}

impl Rows {
    /// Begins collecting the events of a batch that was read at `ingested_at_us`, microseconds since 1970 UTC.
    pub(super) fn new(batch: i64, ingested_at_us: i64) -> Self {
        Self {
            batch,
            ingested_at_us,
            count: 0,
            bytes: 0,
            ingested_at: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            source_file: StringBuilder::new(),
            event_id: Int64Builder::new(),
            operation: StringBuilder::new(),
            occurred_at: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            schema: StringBuilder::new(),
            table: StringBuilder::new(),
            data: StringBuilder::new(),
            fields: MapBuilder::new(Some(names()), StringBuilder::new(), StringBuilder::new()),
            batch_id: Int64Builder::new(),
        }
    }

    /// Adds an event and says whether the batch is full.
    pub(super) fn push(&mut self, event: &Event<'_>) -> Result<bool, arrow::error::ArrowError> {
        self.ingested_at.append_value(self.ingested_at_us);
        self.source_file.append_null();
        self.event_id.append_option(event.event_id);
        self.operation.append_option(event.operation);
        self.occurred_at.append_option(event.occurred_at_us);
        self.schema.append_option(event.schema);
        self.table.append_option(event.table);
        self.data.append_option(event.data);
        self.push_fields(event.data)?;
        self.batch_id.append_value(self.batch);
        self.count += 1;
        self.bytes += event.data.map_or(0, str::len);

        Ok(self.count >= ROWS || self.bytes >= BYTES)
    }

    /// Gives what was collected and begins anew.
    pub(super) fn finish(&mut self) -> Result<RecordBatch, arrow::error::ArrowError> {
        self.count = 0;
        self.bytes = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.ingested_at.finish()),
            Arc::new(self.source_file.finish()),
            Arc::new(self.event_id.finish()),
            Arc::new(self.operation.finish()),
            Arc::new(self.occurred_at.finish()),
            Arc::new(self.schema.finish()),
            Arc::new(self.table.finish()),
            Arc::new(self.data.finish()),
            Arc::new(self.fields.finish()),
            Arc::new(self.batch_id.finish()),
        ];

        RecordBatch::try_new(SCHEMA.clone(), columns)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn push_fields(&mut self, data: Option<&str>) -> Result<(), arrow::error::ArrowError> {
        let opened = data.and_then(fields::open);
        if let Some(opened) = &opened {
            for (name, value) in opened.iter() {
                self.fields.keys().append_value(name);
                self.fields.values().append_option(value);
            }
        }

        self.fields.append(opened.is_some())
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
