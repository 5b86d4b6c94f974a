//! The reader of one dropped file: opens it and gives its bytes to the parser of its format.

use std::io;
use std::ops::ControlFlow;

use super::columns::FileColumns;
use super::row::FileRow;
use super::rules::RowRules;
use super::sink::RowSink;
use super::text_file::TextFile;
use super::{csv, json, parquet};
use crate::pipeline::Format;
use crate::source::files::stored_file::StoredFile;

/// Reads one dropped file. Owns all it needs, so that a thread of its own can read.
pub(in crate::source::files) struct FileReader {
    pub(in crate::source::files) file: StoredFile,
    pub(in crate::source::files) format: Format,
    pub(in crate::source::files) rules: RowRules,
}

impl FileReader {
    /// Gives every row to `take` until it breaks, and notes the file's columns. Call it outside the runtime's threads.
    ///
    /// # Errors
    ///
    /// Names the line or row that cannot be read, and says why. `file.fault` keeps a fault of the store.
    pub(in crate::source::files) fn read(
        &self,
        columns: &mut FileColumns,
        take: &mut dyn FnMut(FileRow) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut rows = RowSink {
            rules: &self.rules,
            limits: &self.file.limits,
            columns,
            take,
        };

        match self.format {
            Format::Csv => self.read_text(csv::read, &mut rows),
            Format::JsonLines => self.read_text(json::read_lines, &mut rows),
            Format::Json => self.read_text(json::read_array, &mut rows),
            Format::Parquet => self.read_parquet(&mut rows),
        }
    }

    /// An empty file of text has no rows.
    fn read_text(
        &self,
        parse: impl FnOnce(TextFile, &mut RowSink<'_>) -> io::Result<()>,
        rows: &mut RowSink<'_>,
    ) -> io::Result<()> {
        match TextFile::open(self.file.text()?, &self.file.limits)? {
            Some(text) => parse(text, rows),
            None => Ok(()),
        }
    }

    fn read_parquet(&self, rows: &mut RowSink<'_>) -> io::Result<()> {
        match self.file.unpacked()? {
            Some(unpacked) => parquet::read(unpacked, rows),
            None => parquet::read(self.file.clone(), rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ::parquet::arrow::ArrowWriter;
    use arrow_array::{ArrayRef, BinaryArray, Float64Array, Int64Array, RecordBatch, StringArray};
    use jiff::Timestamp;
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{ObjectStore, ObjectStoreExt};
    use serde_json::json;

    use super::*;
    use crate::source::files::DropAccess;
    use crate::source::files::drop_store::DropStore;
    use crate::source::files::file_limits::FileLimits;
    use crate::source::files::store_fault::StoreFault;

    /// Reads a file of this content; the text of each row, or the reason why the file is unreadable.
    async fn read(format: Format, content: impl Into<Vec<u8>>) -> Result<Vec<String>, String> {
        let content = content.into();
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let path = Path::from("file");
        let size = content.len() as u64;
        store.put(&path, content.into()).await.expect("a file");
        let settings = json!({"roots": [], "largest_row_bytes": 1 << 20, "memory_bytes": 64 << 20});
        let access = DropAccess::new(&serde_json::from_value(settings).expect("settings"));
        let reader = FileReader {
            file: StoredFile {
                store: DropStore::Bucket(store),
                limits: FileLimits::new(&access),
                path,
                etag: None,
                size,
                fault: StoreFault::default(),
            },
            format,
            rules: RowRules {
                source: serde_json::from_value(json!({"path": "s3://drops/"})).expect("a source"),
                key: vec!["id".into()],
                modified_at: Timestamp::UNIX_EPOCH,
            },
        };
        let read = tokio::task::spawn_blocking(move || {
            let mut rows = Vec::new();
            let read = reader.read(&mut FileColumns::default(), &mut |row| {
                rows.push(row.data);
                ControlFlow::Continue(())
            });
            read.map(|()| rows).map_err(|fault| fault.to_string())
        });

        read.await.expect("a thread")
    }

    #[tokio::test]
    async fn each_format_gives_its_rows_as_objects() {
        let csv = read(Format::Csv, "id,name\n1,\"a \"\"b\"\"\"\n2,\n").await;
        assert_eq!(
            csv.expect("a file"),
            [
                r#"{"id":"1","name":"a \"b\""}"#,
                r#"{"id":"2","name":null}"#
            ]
        );
        let objects = [r#"{"id": 1}"#, r#"{"id": 2.50}"#];
        let lines = read(Format::JsonLines, objects.join("\n\n")).await;
        assert_eq!(lines.expect("a file"), objects);
        let array = read(Format::Json, format!("[{}]", objects.join(",\n"))).await;
        assert_eq!(array.expect("a file"), objects);
    }

    #[tokio::test]
    async fn parquet_gives_bytes_and_infinity_as_postgres_writes_them() {
        let columns: [(&str, ArrayRef); 4] = [
            ("id", Arc::new(Int64Array::from(vec![1, 2]))),
            (
                "name",
                Arc::new(StringArray::from(vec![Some("a\tb"), None])),
            ),
            (
                "share",
                Arc::new(Float64Array::from(vec![f64::INFINITY, 0.5])),
            ),
            (
                "bytes",
                Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..], b""])),
            ),
        ];
        let batch = RecordBatch::try_from_iter(columns).expect("a batch");
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("a writer");
        writer.write(&batch).expect("rows");
        let rows = read(Format::Parquet, writer.into_inner().expect("a file")).await;
        assert_eq!(
            rows.expect("a file"),
            [
                r#"{"id":"1","name":"a\tb","share":"Infinity","bytes":"\\x00ff"}"#,
                r#"{"id":"2","name":null,"share":"0.5","bytes":"\\x"}"#
            ]
        );
    }

    #[tokio::test]
    async fn a_reason_says_where_a_file_is_at_fault() {
        for (format, content, reason) in [
            (Format::Csv, "id\n1\n2,3\n", "line 3 has 2 values, not 1"),
            (Format::Csv, "id\n\"1\n", "line 2: a quote is not closed"),
            (Format::Csv, "id,id\n", "it has two columns `id`"),
            (
                Format::Csv,
                "ids\n",
                "it has no column `id`, which belongs to the key; its columns are `ids`; did you mean `ids`?",
            ),
            (Format::JsonLines, "{}\n1\n", "line 2: it is no JSON object"),
            (Format::Json, "[{}, 1]", "row 2: it is no JSON object"),
            (
                Format::Json,
                "{}",
                "line 1, column 1: it is no JSON array of objects",
            ),
        ] {
            assert_eq!(read(format, content).await, Err(reason.into()));
        }
    }
}
