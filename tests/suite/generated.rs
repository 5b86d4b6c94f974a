//! `icefront generate files` drops files while the sample pipeline runs. The tables equal the files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_cast::cast;
use arrow_schema::DataType;
use icefront_generate::GenerateFiles;
use jiff::Timestamp;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::samples::sample;
use crate::harness::Service;
use crate::reference::{self, Event, Row, Version};

/// The columns of a row, without operation, time and sequence.
const VALUES: [&str; 6] = [
    "changed_at",
    "order_id",
    "carrier",
    "status",
    "weight_kg",
    "remark",
];
/// Columns with their values, as texts.
type Fields = BTreeMap<String, String>;

#[tokio::test]
async fn what_is_dropped_late_again_or_broken_while_runs_go_on_ends_as_the_events_say() {
    let folder = TempDir::new().expect("a folder");
    let path = format!("path: file://{}/", folder.path().display());
    let pipeline = sample("drops")
        .replace("path: file:///data/drops/", &path)
        .replace("  kind: files\n", "  kind: files\n  settle: 0s\n");
    let service = Service::of(&pipeline).start().await;
    let into = folder.path().join("shipments");
    let generating = GenerateFiles {
        files: Some(100),
        interval: Duration::from_millis(100),
        broken: 0.2,
        extremes: true,
        ..GenerateFiles::quietly(&into)
    }
    .run();
    let running = async {
        let mut runs = Vec::new();
        for _ in 0..5 {
            runs.push(service.run().await.succeeds());
        }
        runs
    };
    let (summary, mut runs) = tokio::join!(generating, running);
    let summary = summary.expect("files");
    runs.push(service.run().await.succeeds());
    let counted = |name: &str| -> u64 {
        let counts = runs.iter().filter_map(|run| run["counts"][name].as_u64());
        counts.sum()
    };
    assert!(
        summary.late > 0 && summary.repeated > 0 && summary.broken() > 0 && summary.empty() > 0,
        "{summary}"
    );
    assert_eq!(summary.formats.len(), 4, "{summary}");
    assert_eq!(counted("files_unreadable"), summary.broken(), "{summary}");
    assert_eq!(counted("files_landed"), 100 - summary.broken(), "{summary}");
    assert_eq!(counted("rejected"), 0);
    assert_eq!(counted("duplicate"), summary.repeated);
    assert_eq!(counted("staged"), summary.events());

    let (events, unreadable) = events(&into);
    assert_eq!(unreadable, summary.broken(), "{summary}");
    assert_eq!(events.len() as u64, summary.rows, "{summary}");
    assert_eq!(current(&service).await, reference::current(&events));
    assert_eq!(history(&service).await, reference::history(&events, None));
}

/// The events of the files in the order of the files' names, and the number of unreadable files.
fn events(folder: &Path) -> (Vec<Event>, u64) {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("a file").path())
        .collect();
    paths.sort();
    let mut unreadable = 0;
    let mut events = Vec::new();
    for path in paths {
        match read(&path) {
            Some(rows) => events.extend(rows.iter().map(event)),
            None => unreadable += 1,
        }
    }

    (events, unreadable)
}

/// The rows of a file, whole or not at all.
fn read(path: &Path) -> Option<Vec<Fields>> {
    let name = path.file_name()?.to_str()?;
    if name.ends_with(".parquet") {
        return read_parquet(path);
    }
    let file = File::open(path).ok()?;
    let is_empty = file.metadata().ok()?.len() == 0;
    let mut text = String::new();
    let mut file: Box<dyn Read> = match name.rsplit('.').next() {
        _ if is_empty => return Some(Vec::new()),
        Some("gz") => Box::new(flate2::read::GzDecoder::new(file)),
        Some("zst") => Box::new(zstd::Decoder::new(file).ok()?),
        _ => Box::new(file),
    };
    file.read_to_string(&mut text).ok()?;
    let is = |format: &str| name.contains(format);
    let rows: Vec<Fields> = if is(".csv") {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        reader.deserialize().collect::<Result<_, _>>().ok()?
    } else {
        let objects: Vec<Value> = if is(".jsonl") {
            text.lines()
                .map(serde_json::from_str)
                .collect::<Result<_, _>>()
                .ok()?
        } else {
            serde_json::from_str(&text).ok()?
        };
        objects.iter().map(fields).collect::<Option<_>>()?
    };

    rows.iter()
        .all(|row| row.contains_key("shipment_id"))
        .then_some(rows)
}

fn fields(object: &Value) -> Option<Fields> {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let members = object.as_object()?.iter();

    Some(
        members
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
    )
}

fn read_parquet(path: &Path) -> Option<Vec<Fields>> {
    let file = File::open(path).ok()?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).ok()?;
    let names: Vec<String> = reader
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    if !names.iter().any(|name| name == "shipment_id") {
        return None;
    }
    let mut rows = Vec::new();
    for batch in reader.build().ok()? {
        let batch = batch.ok()?;
        let begin = rows.len();
        rows.resize(begin + batch.num_rows(), Fields::new());
        for (name, column) in names.iter().zip(batch.columns()) {
            let texts = cast(column, &DataType::Utf8).ok()?;
            for (row, text) in rows[begin..].iter_mut().zip(texts.as_string::<i32>()) {
                row.insert(name.clone(), text.unwrap_or_default().to_owned());
            }
        }
    }

    Some(rows)
}

fn event(row: &Fields) -> Event {
    let number = |name: &str| row[name].parse().expect(name);
    let changed_at: Timestamp = row["changed_at"].parse().expect("a time");
    let value = |name: &str| {
        let text = row[name].as_str();
        match name {
            _ if text.is_empty() => None,
            "changed_at" => Some(changed_at.as_microsecond().to_string()),
            "weight_kg" => Some(format!("{:.3}", text.parse::<f64>().expect("a weight"))),
            _ => Some(text.to_owned()),
        }
    };

    Event {
        id: number("seq"),
        operation: match row["op"].as_str() {
            "c" => 'I',
            "u" => 'U',
            "d" => 'D',
            other => panic!("{other}"),
        },
        occurred_at: changed_at.as_microsecond(),
        key: number("shipment_id"),
        values: VALUES.map(value).to_vec(),
    }
}

/// The values of [`VALUES`] in SQL; a time as microseconds.
const SELECTED: &str = "cast(cast(to_unixtime(changed_at) * 1e6 as bigint) as varchar), order_id, carrier, status, cast(weight_kg as varchar), remark";

fn values(row: &[Value]) -> Row {
    row.iter()
        .map(|value| value.as_str().map(str::to_owned))
        .collect()
}

async fn current(service: &Service) -> BTreeMap<i64, Row> {
    let sql = format!("select shipment_id, {SELECTED} from {{marts.shipments}}");
    let rows = service.query(&sql).await;

    rows.iter()
        .map(|row| (row[0].as_i64().expect("a key"), values(&row[1..])))
        .collect()
}

async fn history(service: &Service) -> Vec<Version> {
    let sql = format!(
        "select shipment_id, cast(to_unixtime(valid_from) * 1e6 as bigint), cast(to_unixtime(valid_to) * 1e6 as bigint), is_current, is_deleted, _event_id, {SELECTED} from {{marts.shipments_history}} order by 1, 2"
    );
    let rows = service.query(&sql).await;

    rows.iter()
        .map(|row| Version {
            key: row[0].as_i64().expect("a key"),
            valid_from: row[1].as_i64().expect("a time"),
            valid_to: row[2].as_i64(),
            is_current: row[3] == json!(true),
            is_deleted: row[4] == json!(true),
            event_id: row[5].as_i64().expect("an event"),
            values: values(&row[6..]),
        })
        .collect()
}
