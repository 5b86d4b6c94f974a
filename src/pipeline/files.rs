//! A file source: a folder that files are dropped into, as `source:` describes it.

use std::time::Duration;

use icefront_project::also_called;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::OperationColumn;
use crate::config::{Config, DurationText, FolderAddress, some_duration};

/// A folder that files are dropped into.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// The folder. A pattern after it is for tables without a pattern in `from`.
    #[schemars(example = &"file:///data/drops/", example = &"s3://bucket/drops/")]
    pub path: String,
    /// The format of all files; by default, each file's name gives its format. Gzip and zstd are recognised.
    pub format: Option<Format>,
    /// How CSV files are written.
    #[serde(default)]
    pub csv: Csv,
    /// The column with the operation. Without it, and with `upsert`, every row is the present state of a row.
    #[serde(default, deserialize_with = "super::operations::or_upsert")]
    #[schemars(schema_with = "super::operations::schema")]
    pub operation: Option<OperationColumn>,
    /// The column with the event's time; by default the file's time.
    pub occurred_at: Option<String>,
    /// The column with a unique whole number for each event, which rises with the changes of a row. By default, the order of files and of
    /// their rows counts.
    pub sequence: Option<String>,
    /// A file is read when it has not changed for this time: by default 5 s for `file:`, and 0 s for stores in which
    /// files appear complete.
    #[serde(default, deserialize_with = "some_duration")]
    #[schemars(with = "DurationText")]
    pub settle: Option<Duration>,
    /// Files are read only if a file with this name is beside them, such as `_SUCCESS`.
    pub marker: Option<String>,
    /// What happens to a file that was read and has changed since.
    #[serde(default)]
    pub changed: ChangedFile,
    /// What happens to a file when its rows have landed.
    #[serde(default)]
    pub after: AfterLanding,
}

/// Gzip and zstd are recognised and do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Lines of values, as RFC 4180 has them.
    Csv,
    /// One JSON object per line.
    JsonLines,
    /// One JSON array of objects.
    Json,
    /// Parquet files.
    Parquet,
}

/// How CSV files are written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(transform = also_null)]
pub struct Csv {
    /// The first line names the columns.
    pub header: bool,
    /// The names of the columns, for files without a header.
    pub columns: Vec<String>,
    /// One ASCII character between values.
    pub delimiter: char,
    /// Encloses values with delimiters, quotes or line ends.
    pub quote: char,
    /// The text that means null.
    #[serde(alias = "null")]
    pub null_text: String,
}

fn also_null(schema: &mut Schema) {
    also_called(schema, "null_text", "null");
}

/// What happens to a file that was read and has changed since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangedFile {
    /// Read it again; rows that it no longer has stay.
    #[default]
    Replace,
    /// List it as `changed`, and do not read it.
    Reject,
}

/// What happens to a file when its rows have landed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterLanding {
    /// It stays where it is.
    #[default]
    Keep,
    /// It moves into `_done/` beside it.
    Move,
    /// It is deleted.
    Delete,
}

impl FileSource {
    /// The folder without the pattern behind it, and the pattern.
    #[must_use]
    pub fn split(&self) -> (&str, Option<&str>) {
        let Some(at) = self.path.find(['*', '?', '[']) else {
            return (&self.path, None);
        };
        let folder = self.path[..at].rfind('/').map_or(0, |slash| slash + 1);

        (&self.path[..folder], Some(&self.path[folder..]))
    }

    /// How long a file must be unchanged before it is read.
    #[must_use]
    pub fn settle(&self) -> Duration {
        let default = if self.path.starts_with("file:") { 5 } else { 0 };

        self.settle.unwrap_or(Duration::from_secs(default))
    }

    /// From the setting, or from the file's name.
    ///
    /// # Errors
    ///
    /// A sentence, if neither gives the format.
    pub fn format_of(&self, name: &str) -> Result<Format, String> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        let name = name.to_ascii_lowercase();
        let bare = [".gz", ".gzip", ".zst", ".zstd"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(&name);
        match bare.rsplit('.').next() {
            Some("csv") => Ok(Format::Csv),
            Some("jsonl" | "ndjson") => Ok(Format::JsonLines),
            Some("json") => Ok(Format::Json),
            Some("parquet") => Ok(Format::Parquet),
            _ => Err("its name does not tell its format; set `source.format` to csv, json_lines, json or parquet".into()),
        }
    }

    /// The columns with operation and sequence, which do not become columns of the tables.
    pub fn technical(&self) -> impl Iterator<Item = &str> {
        let operation = self
            .operation
            .as_ref()
            .map(|operation| operation.column.as_str());

        operation.into_iter().chain(self.sequence.as_deref())
    }

    /// Refuses a folder that the settings do not allow, or that overlaps the landing folder.
    pub(super) fn check_place(&self, config: &Config) -> Result<(), String> {
        let folder = self.folder()?;
        config.files.root_of(&folder)?;
        // The landing folder may have the other name of the scheme.
        let landing = config.landing.write_to.replacen("s3a://", "s3://", 1);
        let landing = FolderAddress::parse(&landing);
        if landing.is_ok_and(|landing| landing.overlaps(&folder)) {
            return Err("`source.path` and the landing folder `landing.write_to` lie in each other, so the service would read its own files; use another folder".into());
        }

        Ok(())
    }

    /// The folder without the pattern behind it.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the address. Does not quote it: it may contain a password.
    pub fn folder(&self) -> Result<FolderAddress, String> {
        let (folder, pattern) = self.split();
        if pattern.is_some_and(|pattern| pattern.split('/').any(|part| part == "..")) {
            return Err("`source.path` has a part `..`; write the path that it leads to".into());
        }

        FolderAddress::parse(folder).map_err(|fault| format!("`source.path` {fault}"))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.folder()?;
        if self
            .marker
            .as_ref()
            .is_some_and(|marker| marker.is_empty() || marker.contains('/'))
        {
            return Err("`source.marker` must be the name of a file beside the others, such as `_SUCCESS`, without `/`".into());
        }
        if self.sequence.is_some() && self.occurred_at.is_none() {
            return Err("`source.occurred_at` is missing; `sequence` needs the column with the event's time, so that a repeated event in another file is recognised".into());
        }
        if let Some(operation) = &self.operation {
            operation.check()?;
            if self.sequence.as_ref() == Some(&operation.column) {
                return Err("`source.sequence` and `source.operation` name the same column".into());
            }
        }
        let Csv {
            header,
            columns,
            delimiter,
            quote,
            ..
        } = &self.csv;
        for (name, sign) in [("delimiter", delimiter), ("quote", quote)] {
            if !sign.is_ascii() {
                return Err(format!(
                    "`source.csv.{name}` is `{sign}`; it must be an ASCII character"
                ));
            }
        }
        let named: Result<(), String> = match (header, columns.is_empty()) {
            (false, true) => Err("`source.csv.columns` is missing; files without a header need the names of their columns, in order".into()),
            (true, false) => Err("`source.csv.columns` is for files without a header; set `header: false`".into()),
            _ => Ok(()),
        };
        named?;
        if delimiter == quote {
            return Err("`source.csv.delimiter` and `source.csv.quote` are the same".into());
        }
        let twice = columns
            .iter()
            .enumerate()
            .find(|(at, name)| columns[..*at].contains(name));
        match twice {
            Some((_, name)) => Err(format!("`source.csv.columns` has `{name}` twice")),
            None => Ok(()),
        }
    }
}

impl Default for Csv {
    fn default() -> Self {
        Self {
            header: true,
            columns: Vec::new(),
            delimiter: ',',
            quote: '"',
            null_text: String::new(),
        }
    }
}
