//! The bytes of a file: encoded, compressed, and broken if it has a defect.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use super::defect::FileDefect;
use super::deliveries::Delivery;
use super::format::{Compression, Format};
use super::parquet;
use super::shipments::ShipmentEvent;
use crate::weights::Operation;

/// The columns of every file.
pub(super) const COLUMNS: [&str; 9] = [
    "seq",
    "op",
    "changed_at",
    "shipment_id",
    "order_id",
    "carrier",
    "status",
    "weight_kg",
    "remark",
];
/// The index of the key among them.
pub(super) const KEY: usize = 3;
/// How many bytes of its last row a cut file has. No format takes them for a row.
const CUT_ROW: usize = 3;

/// The text around the objects of a JSON file.
struct JsonLayout {
    begin: &'static str,
    between: &'static str,
    end: &'static str,
}

const JSON_LINES: JsonLayout = JsonLayout {
    begin: "",
    between: "\n",
    end: "\n",
};
const JSON_ARRAY: JsonLayout = JsonLayout {
    begin: "[\n",
    between: ",\n",
    end: "\n]\n",
};

/// A file of text before it is compressed.
struct EncodedText {
    bytes: Vec<u8>,
    /// Where its last row begins.
    last_row: usize,
}

pub(super) fn encode(delivery: &Delivery) -> io::Result<Vec<u8>> {
    let defect = delivery.defect;
    let mut events: Vec<ShipmentEvent> = delivery
        .events
        .iter()
        .map(|delivered| delivered.event.clone())
        .collect();
    if defect == Some(FileDefect::NotUtf8)
        && let Some(last) = events.last_mut()
    {
        // Latin-1 and UTF-8 differ in this letter.
        last.shipment.get_or_insert_default().remark = Some("à la porte".into());
    }
    if delivery.format == Format::Parquet {
        let mut bytes = parquet::encode(
            &events,
            delivery.compression,
            defect == Some(FileDefect::Column),
        )?;
        if defect == Some(FileDefect::Cut) {
            bytes.truncate(bytes.len() / 2);
        }
        return Ok(bytes);
    }
    let EncodedText {
        mut bytes,
        last_row,
    } = match delivery.format {
        Format::Csv => csv(&events, defect)?,
        Format::JsonLines => json(&events, &JSON_LINES)?,
        Format::JsonArray | Format::Parquet => json(&events, &JSON_ARRAY)?,
    };
    match defect {
        Some(FileDefect::Empty) => return Ok(Vec::new()),
        Some(FileDefect::NotUtf8) => bytes = latin_1(&bytes),
        Some(FileDefect::Cut) if delivery.compression == Compression::None => {
            bytes.truncate(last_row + CUT_ROW);
        }
        _ => {}
    }
    let mut compressed = compress(bytes, delivery.compression)?;
    if defect == Some(FileDefect::Cut) && delivery.compression != Compression::None {
        compressed.truncate(compressed.len() / 2);
    }
    Ok(compressed)
}

/// The value of the column `op`.
pub(super) fn operation_code(event: &ShipmentEvent) -> &'static str {
    match event.operation {
        Operation::Insert => "c",
        Operation::Update => "u",
        Operation::Delete => "d",
    }
}

fn csv(events: &[ShipmentEvent], defect: Option<FileDefect>) -> io::Result<EncodedText> {
    let delimiter = if defect == Some(FileDefect::Delimiter) {
        b';'
    } else {
        b','
    };
    let is_kept = |at: &usize| defect != Some(FileDefect::Column) || *at != KEY;
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .from_writer(Vec::new());
    let mut write = |values: &[String]| {
        writer.flush()?;
        let begin = writer.get_ref().len();
        writer.write_record((0..COLUMNS.len()).filter(is_kept).map(|at| &values[at]))?;
        io::Result::Ok(begin)
    };
    let mut last_row = write(&COLUMNS.map(str::to_owned))?;
    for event in events {
        last_row = write(&values(event).map(|value| match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            number => number.to_string(),
        }))?;
    }
    let bytes = writer
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?;
    Ok(EncodedText { bytes, last_row })
}

fn json(events: &[ShipmentEvent], layout: &JsonLayout) -> io::Result<EncodedText> {
    let mut bytes = layout.begin.as_bytes().to_vec();
    let mut last_row = 0;
    for (at, event) in events.iter().enumerate() {
        if at > 0 {
            bytes.extend_from_slice(layout.between.as_bytes());
        }
        last_row = bytes.len();
        let row: Map<_, _> = COLUMNS
            .map(str::to_owned)
            .into_iter()
            .zip(values(event))
            .collect();
        serde_json::to_writer(&mut bytes, &row)?;
    }
    bytes.extend_from_slice(layout.end.as_bytes());
    Ok(EncodedText { bytes, last_row })
}

/// The values of [`COLUMNS`].
fn values(event: &ShipmentEvent) -> [Value; COLUMNS.len()] {
    let shipment = event.shipment.as_ref();
    let weight = shipment.and_then(|shipment| shipment.weight);
    [
        json!(event.sequence),
        json!(operation_code(event)),
        json!(event.changed_at),
        json!(event.shipment_id),
        json!(shipment.map(|shipment| &shipment.order_id)),
        json!(shipment.map(|shipment| shipment.carrier)),
        json!(shipment.map(|shipment| shipment.status)),
        // The nearest double of nine digits is written as those digits.
        json!(weight.map(|grams| f64::from(grams) / 1_000.0)),
        json!(shipment.and_then(|shipment| shipment.remark.as_ref())),
    ]
}

fn latin_1(text: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(text)
        .chars()
        .map(|letter| u8::try_from(letter).unwrap_or(b'?'))
        .collect()
}

fn compress(bytes: Vec<u8>, compression: Compression) -> io::Result<Vec<u8>> {
    match compression {
        Compression::None => Ok(bytes),
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(&bytes)?;
            encoder.finish()
        }
        Compression::Zstd => zstd::encode_all(bytes.as_slice(), 0),
    }
}
