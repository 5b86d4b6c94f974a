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
/// Columns are sized in multiples of it, so that a new column fits into the memory that an old one freed.
const ROOM: usize = 16 << 10;

pub(super) static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(schema);

/// Collects events until a record batch is full: 4,096 rows or 1 MiB of JSON text.
pub(super) struct Rows {
    batch: i64,
    ingested_at_us: i64,
    count: usize,
    bytes: usize,
    columns: Columns,
    frames: Frames,
}

impl Rows {
    /// Collects the events of a batch that was read at `ingested_at_us`, microseconds since 1970 UTC.
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

    /// Gives the collected events and starts a new record batch.
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

/// The size of new columns: a little more than the last ones took, so that they rarely grow.
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

    /// Adds the names and values of a row's JSON. Says whether it is an object.
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

    /// Gives the JSON texts, the fields, and the columns that come before those in the table.
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

/// Opens random texts with and without a frame, and compares both with `serde_json`.
#[cfg(test)]
mod tests {
    use std::fmt;

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
    use serde_json::value::RawValue;

    use super::fields::open;
    use super::*;

    /// Names and values of an object; `None` if the text is no object.
    type Opened = Option<Vec<(String, Option<String>)>>;

    #[derive(Default)]
    struct Object(Vec<(String, Box<RawValue>)>);

    impl<'de> Visitor<'de> for Object {
        type Value = Self;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
            while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                match self.0.iter_mut().find(|(known, _)| *known == name) {
                    Some(field) => field.1 = value,
                    None => self.0.push((name, value)),
                }
            }

            Ok(self)
        }
    }

    impl<'de> Deserialize<'de> for Object {
        fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
            reader.deserialize_map(Self::default())
        }
    }

    fn text(raw: &RawValue) -> Result<Option<String>, serde_json::Error> {
        match raw.get().as_bytes().first() {
            Some(b'"') => serde_json::from_str(raw.get()).map(Some),
            Some(b'n') => Ok(None),
            Some(_) => Ok(Some(raw.get().to_owned())),
            None => Err(serde::de::Error::custom("no value")),
        }
    }

    /// Opens a text with `serde_json`: the reference that ours is compared with.
    fn reference(json: &str) -> Opened {
        let Object(fields) = serde_json::from_str(json).ok()?;

        fields
            .into_iter()
            .map(|(name, value)| Ok((name, text(&value)?)))
            .collect::<Result<_, serde_json::Error>>()
            .ok()
    }

    /// Pieces that valid and invalid JSON is made of.
    #[rustfmt::skip]
    const PIECES: [&str; 49] = [
        "{", "}", "[", "]", ",", ":", " ", "\n", "\t", "\r", "\"", "\\",
        "\"a\"", "\"b\"", "\"aa\"", "\"\"",
        "\"a\":", "\"b\": ", "\"c\":1,", "\"\\u0061\":",
        "\"longer than eight\"", "\"é\u{1f600}\"", "\"\u{1}\"", "\u{b}",
        "\"\\ud83d\\ude00\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\u00g0\"", "\"\\u12\"",
        "\"\\/\\b\\f\\n\\r\\t\\\"\"", "\"\\x\"", "\"seven b\\\\\"",
        "0", "-", "1", "12345678901.1234567890", "12.50", "1e5", "1E+400", "-0.1e-7", "01", "1.", ".5",
        "null", "true", "false", "nul",
        "[1, {\"x\": [\"]\"]}]", "{\"a\": {}, \"b\": []}",
    ];

    fn random_value(rng: &mut StdRng, depth: usize) -> String {
        match rng.random_range(0..if depth < 3 { 10 } else { 8 }) {
            8 => random_object(rng, depth + 1),
            9 => {
                let items: Vec<_> = (0..rng.random_range(0..4))
                    .map(|_| random_value(rng, depth + 1))
                    .collect();
                format!("[{}]", items.join(", "))
            }
            _ => PIECES[rng.random_range(10..PIECES.len())].to_owned(),
        }
    }

    fn random_names(rng: &mut StdRng) -> Vec<&'static str> {
        let names = [
            "a",
            "b",
            "é",
            "bb",
            "\\u0061",
            "a much longer name",
            "",
            "\\n",
            "\\ud800x",
        ];

        (0..rng.random_range(0..6))
            .map(|_| names[rng.random_range(0..names.len())])
            .collect()
    }

    fn object_of(names: &[&str], separator: &str, rng: &mut StdRng, depth: usize) -> String {
        let members: Vec<_> = names
            .iter()
            .map(|name| format!("\"{name}\": {}", random_value(rng, depth)))
            .collect();

        format!("{{{}}}", members.join(separator))
    }

    fn random_object(rng: &mut StdRng, depth: usize) -> String {
        let names = random_names(rng);
        let separator = [",", ", "][rng.random_range(0..2)];

        object_of(&names, separator, rng, depth)
    }

    /// An object; at random a piece of something else stands in place of a character.
    fn random_text(rng: &mut StdRng) -> String {
        let object = random_object(rng, 0);

        mutated(object, rng)
    }

    fn mutated(mut text: String, rng: &mut StdRng) -> String {
        while rng.random_range(0..3) == 0 {
            let places: Vec<_> = text.char_indices().collect();
            let (at, old) = places[rng.random_range(0..places.len())];
            let end = at + old.len_utf8() * rng.random_range(0..2);
            let piece = PIECES[rng.random_range(0..PIECES.len())];
            text.replace_range(at..end, piece);
        }

        text
    }

    #[test]
    fn every_text_is_opened_as_serde_json_opens_it() {
        let mut rng = StdRng::seed_from_u64(1);
        let (mut opened, mut refused) = (0, 0);
        for _ in 0..200_000 {
            let json = random_text(&mut rng);
            let ours: Opened = open(&json).map(|fields| {
                fields
                    .iter()
                    .map(|(name, value)| (name.into_owned(), value.map(Into::into)))
                    .collect()
            });
            assert_eq!(ours, reference(&json), "{json}");
            *(if ours.is_some() {
                &mut opened
            } else {
                &mut refused
            }) += 1;
        }
        assert!(opened > 20_000 && refused > 20_000, "{opened} {refused}");
    }

    /// What the column `fields` holds of each text.
    fn collected(texts: &[String]) -> Vec<Opened> {
        let mut rows = Rows::new(1, 0);
        for text in texts {
            let event = Event {
                table: Some("t"),
                data: Some(text),
                ..Event::default()
            };
            rows.push(&event).expect("few");
        }
        let batch = rows.finish().expect("as long as each other");
        let column = batch.column_by_name("fields").expect("a column");
        let column = column.as_any().downcast_ref::<MapArray>().expect("a map");
        let texts = |of: &ArrayRef| -> Vec<Option<String>> {
            let of = of.as_any().downcast_ref::<StringArray>().expect("texts");
            of.iter().map(|text| text.map(str::to_owned)).collect()
        };
        let objects = column.iter();

        objects
            .map(|object| {
                let object = object?;
                let names = texts(object.column(0)).into_iter().flatten();
                Some(names.zip(texts(object.column(1))).collect())
            })
            .collect()
    }

    #[test]
    fn rows_of_one_table_are_collected_as_serde_json_opens_each_by_itself() {
        let mut rng = StdRng::seed_from_u64(2);
        for _ in 0..10_000 {
            let names = random_names(&mut rng);
            let texts: Vec<_> = (0..10)
                .map(|_| {
                    let row = object_of(&names, ", ", &mut rng, 0);
                    match rng.random_range(0..6) {
                        0 => random_text(&mut rng),
                        1 | 2 => mutated(row, &mut rng),
                        _ => row,
                    }
                })
                .collect();
            let expected: Vec<_> = texts.iter().map(|text| reference(text)).collect();
            assert_eq!(collected(&texts), expected, "{texts:#?}");
        }
    }
}
