//! Files as bytes: text in its three formats, packed, and broken where they are to be.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use super::super::workload::Operation;
use super::choice::{Compression, Format};
use super::deliveries::Delivery;
use super::fault::Fault;
use super::parquet;
use super::shipments::Event;

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
/// Where the key is among them.
pub(super) const KEY: usize = 3;
/// A cut row has no more than so many bytes of its beginning, which no format takes for a row.
const CUT_ROW: usize = 3;

/// A text, and where its last row begins.
struct Text {
    bytes: Vec<u8>,
    last_row: usize,
}

/// Gives the bytes of a file.
pub(super) fn encode(delivery: &Delivery) -> io::Result<Vec<u8>> {
    let fault = delivery.fault;
    let mut events: Vec<Event> = delivery.rows.iter().map(|row| row.event.clone()).collect();
    if fault == Some(Fault::NotUtf8)
        && let Some(last) = events.last_mut()
    {
        // Latin-1 differs from UTF-8 only by such letters.
        last.state.get_or_insert_default().remark = Some("à la porte".into());
    }
    if delivery.format == Format::Parquet {
        let mut bytes =
            parquet::encode(&events, delivery.compression, fault == Some(Fault::Column))?;
        if fault == Some(Fault::Cut) {
            bytes.truncate(bytes.len() / 2);
        }
        return Ok(bytes);
    }
    let Text {
        mut bytes,
        last_row,
    } = match delivery.format {
        Format::Csv => csv(&events, fault)?,
        Format::JsonLines => json(&events, ("", "\n", "\n"))?,
        Format::JsonArray | Format::Parquet => json(&events, ("[\n", ",\n", "\n]\n"))?,
    };
    match fault {
        Some(Fault::Empty) => return Ok(Vec::new()),
        Some(Fault::NotUtf8) => bytes = latin_1(&bytes),
        Some(Fault::Cut) if delivery.compression == Compression::None => {
            bytes.truncate(last_row + CUT_ROW);
        }
        _ => {}
    }
    let mut packed = pack(bytes, delivery.compression)?;
    if fault == Some(Fault::Cut) && delivery.compression != Compression::None {
        packed.truncate(packed.len() / 2);
    }
    Ok(packed)
}

/// As the column `op` has it.
pub(super) fn operation(event: &Event) -> &'static str {
    match event.operation {
        Operation::Insert => "c",
        Operation::Update => "u",
        Operation::Delete => "d",
    }
}

fn csv(events: &[Event], fault: Option<Fault>) -> io::Result<Text> {
    let delimiter = if fault == Some(Fault::Delimiter) {
        b';'
    } else {
        b','
    };
    let is_written = |at: &usize| fault != Some(Fault::Column) || *at != KEY;
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .from_writer(Vec::new());
    let mut write = |values: [&str; COLUMNS.len()]| {
        writer.flush()?;
        let begin = writer.get_ref().len();
        writer.write_record((0..COLUMNS.len()).filter(is_written).map(|at| values[at]))?;
        io::Result::Ok(begin)
    };
    let mut last_row = write(COLUMNS)?;
    for event in events {
        let state = event.state.as_ref();
        let weight = state.and_then(|state| state.weight).map(kilograms);
        last_row = write([
            &event.sequence.to_string(),
            operation(event),
            &event.changed_at.to_string(),
            &event.shipment_id.to_string(),
            state.map_or("", |state| &state.order_id),
            state.map_or("", |state| state.carrier),
            state.map_or("", |state| state.status),
            weight.as_deref().unwrap_or_default(),
            state
                .and_then(|state| state.remark.as_deref())
                .unwrap_or_default(),
        ])?;
    }
    let bytes = writer
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?;
    Ok(Text { bytes, last_row })
}

/// Writes objects after a beginning, with something between them, before an end.
fn json(events: &[Event], (begin, between, end): (&str, &str, &str)) -> io::Result<Text> {
    let mut bytes = begin.as_bytes().to_vec();
    let mut last_row = 0;
    for (at, event) in events.iter().enumerate() {
        if at > 0 {
            bytes.extend_from_slice(between.as_bytes());
        }
        last_row = bytes.len();
        serde_json::to_writer(&mut bytes, &object(event))?;
    }
    bytes.extend_from_slice(end.as_bytes());
    Ok(Text { bytes, last_row })
}

fn object(event: &Event) -> Value {
    let state = event.state.as_ref();
    let weight = state.and_then(|state| state.weight);
    let values: [Value; COLUMNS.len()] = [
        json!(event.sequence),
        json!(operation(event)),
        json!(event.changed_at),
        json!(event.shipment_id),
        json!(state.map(|state| &state.order_id)),
        json!(state.map(|state| state.carrier)),
        json!(state.map(|state| state.status)),
        // The nearest double of nine digits is written as those digits.
        json!(weight.map(|grams| f64::from(grams) / 1_000.0)),
        json!(state.and_then(|state| state.remark.as_ref())),
    ];
    let members: Map<String, Value> = COLUMNS.map(str::to_owned).into_iter().zip(values).collect();
    members.into()
}

fn kilograms(grams: i32) -> String {
    let sign = if grams < 0 { "-" } else { "" };
    let grams = grams.unsigned_abs();
    format!("{sign}{}.{:03}", grams / 1_000, grams % 1_000)
}

fn latin_1(text: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(text)
        .chars()
        .map(|letter| u8::try_from(letter).unwrap_or(b'?'))
        .collect()
}

fn pack(bytes: Vec<u8>, compression: Compression) -> io::Result<Vec<u8>> {
    match compression {
        Compression::None => Ok(bytes),
        Compression::Gzip => {
            let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::default());
            packed.write_all(&bytes)?;
            packed.finish()
        }
        Compression::Zstd => zstd::encode_all(bytes.as_slice(), 0),
    }
}
