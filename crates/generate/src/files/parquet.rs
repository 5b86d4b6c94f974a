//! The bytes of a Parquet file, which has types of its own.

use std::io;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::encoded::{COLUMNS, KEY, operation_code};
use super::format::Compression;
use super::shipments::{Shipment, ShipmentEvent};

pub(super) fn encode(
    events: &[ShipmentEvent],
    compression: Compression,
    without_key: bool,
) -> io::Result<Vec<u8>> {
    let columns = columns(events).map_err(io::Error::other)?;
    let kept = COLUMNS
        .into_iter()
        .zip(columns)
        .enumerate()
        .filter(|(at, _)| !without_key || *at != KEY)
        .map(|(_, (name, values))| (name, values, true));
    let rows = RecordBatch::try_from_iter_with_nullable(kept).map_err(io::Error::other)?;
    write(&rows, compression).map_err(io::Error::other)
}

fn write(rows: &RecordBatch, compression: Compression) -> Result<Vec<u8>, ParquetError> {
    let codec = match compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Gzip => Codec::GZIP(GzipLevel::default()),
        Compression::Zstd => Codec::ZSTD(ZstdLevel::default()),
    };
    let properties = WriterProperties::builder().set_compression(codec).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties))?;
    writer.write(rows)?;
    writer.into_inner()
}

/// The values of [`COLUMNS`].
fn columns(events: &[ShipmentEvent]) -> Result<[ArrayRef; COLUMNS.len()], ArrowError> {
    let times = events.iter().map(|event| event.changed_at.as_microsecond());
    let weights = events
        .iter()
        .map(|event| Some(i128::from(event.shipment.as_ref()?.weight?)));
    let weights: Decimal128Array = weights.collect();
    Ok([
        numbers(events, |event| event.sequence),
        Arc::new(
            events
                .iter()
                .map(|event| Some(operation_code(event)))
                .collect::<StringArray>(),
        ),
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
        numbers(events, |event| event.shipment_id),
        texts(events, |shipment| Some(shipment.order_id.as_str())),
        texts(events, |shipment| Some(shipment.carrier)),
        texts(events, |shipment| Some(shipment.status)),
        Arc::new(weights.with_precision_and_scale(9, 3)?),
        texts(events, |shipment| shipment.remark.as_deref()),
    ])
}

fn numbers(events: &[ShipmentEvent], number: impl Fn(&ShipmentEvent) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(events.iter().map(number)))
}

fn texts<'a>(
    events: &'a [ShipmentEvent],
    text: impl Fn(&'a Shipment) -> Option<&'a str>,
) -> ArrayRef {
    let texts = events.iter().map(|event| text(event.shipment.as_ref()?));
    Arc::new(texts.collect::<StringArray>())
}
