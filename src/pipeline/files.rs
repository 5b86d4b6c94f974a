//! What `source:` says of files that are dropped into a folder.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::OperationColumn;
use crate::config::some_duration;

/// A folder that files are dropped into.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// The folder, as `file:` or `s3:`; a pattern behind it is that of the tables that have none in `from`.
    pub path: String,
    /// What the files are; by their names where it is not said.
    pub format: Option<Format>,
    /// How files of comma-separated values are written.
    #[serde(default)]
    pub csv: Csv,
    /// What the rows say happened; where it is not said, or `upsert`, every row is the state of a row now.
    #[serde(default, deserialize_with = "super::operations::or_upsert")]
    pub operation: Option<OperationColumn>,
    /// The column that says when it happened; the file's time where it is not said.
    pub occurred_at: Option<String>,
    /// The column with a whole number of its own for each event, which rises with the changes of a row; the order of the files and
    /// of the rows in them where it is not said.
    pub sequence: Option<String>,
    /// A file is taken when it was not written to for so long; by default 5 s below `file:` and at once elsewhere, where files appear whole.
    #[serde(default, deserialize_with = "some_duration")]
    pub settle: Option<Duration>,
    /// Files are taken only where a file of this name lies beside them, such as `_SUCCESS`.
    pub marker: Option<String>,
    /// What becomes of a file that was taken and is another now.
    #[serde(default)]
    pub changed: Changed,
    /// What becomes of a file whose rows have landed.
    #[serde(default)]
    pub after: After,
}

/// What a file is, gzip and zstd around it aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Comma-separated values, as RFC 4180 has them.
    Csv,
    /// A JSON object in each line.
    JsonLines,
    /// One JSON array of objects.
    Json,
    Parquet,
}

/// How files of comma-separated values are written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Csv {
    /// Whether the first line names the columns.
    pub header: bool,
    /// The columns, where no line names them.
    pub columns: Vec<String>,
    /// What stands between values.
    pub delimiter: char,
    /// What stands around values that hold delimiters, quotes or line ends.
    pub quote: char,
    /// The text that means null.
    #[serde(alias = "null")]
    pub null_text: String,
}

/// What becomes of a file that was taken and is another now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    /// It is read again; rows that it no longer has stay.
    #[default]
    Replace,
    /// It is not read, and listed as `changed`.
    Reject,
}

/// What becomes of a file whose rows have landed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// It stays where it is.
    #[default]
    Keep,
    /// It is moved into `_done/` beside it.
    Move,
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

    /// The folder, where it is one of this machine.
    #[must_use]
    pub fn local(&self) -> Option<std::path::PathBuf> {
        let url = reqwest::Url::parse(self.split().0).ok()?;

        url.to_file_path().ok().filter(|_| url.scheme() == "file")
    }

    /// How long a file must have been left alone before it is taken.
    #[must_use]
    pub fn settle(&self) -> Duration {
        let default = if self.path.starts_with("file:") { 5 } else { 0 };

        self.settle.unwrap_or(Duration::from_secs(default))
    }

    /// What a file is, by the setting or its name.
    ///
    /// # Errors
    ///
    /// A sentence that says what to do about a name that does not tell.
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
            _ => Err("its name does not tell what it is; set `source.format` to csv, json_lines, json or parquet".into()),
        }
    }

    /// The columns that say how a row is to be taken, and are none of its own.
    pub fn technical(&self) -> impl Iterator<Item = &str> {
        let operation = self
            .operation
            .as_ref()
            .map(|operation| operation.column.as_str());

        operation.into_iter().chain(self.sequence.as_deref())
    }

    /// Gives each table the pattern of its files, and the name by which its rows are known in landing.
    pub(super) fn name_tables(
        &self,
        tables: &mut BTreeMap<String, super::Table>,
    ) -> Result<(), String> {
        let (_, pattern) = self.split();
        for (name, table) in tables {
            if table.from.is_empty() {
                pattern
                    .ok_or_else(|| format!("`tables.{name}.from` is missing; name its files below `source.path`, such as `{name}/*.csv`"))?
                    .clone_into(&mut table.from);
            }
            glob::Pattern::new(&table.from).map_err(|fault| {
                format!(
                    "`tables.{name}.from` is `{}`, which is no pattern of file names: {fault}",
                    table.from
                )
            })?;
            let files = std::mem::replace(&mut table.from, format!("files.{name}"));
            table.files = Some(files);
        }

        Ok(())
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let address = reqwest::Url::parse(self.split().0).ok();
        let is_folder = address.is_some_and(|url| match url.scheme() {
            "file" => !url.has_host() && self.path.starts_with("file:///"),
            "s3" => url.has_host() && url.username().is_empty() && url.password().is_none(),
            _ => false,
        });
        if !is_folder {
            // It is not quoted: somebody may have written a password into it.
            return Err("`source.path` is no folder's address; write one such as `file:///data/drops/` or `s3://bucket/drops/`, without user and password: those of S3 come from `AWS_…` variables".into());
        }
        if self
            .marker
            .as_ref()
            .is_some_and(|marker| marker.is_empty() || marker.contains('/'))
        {
            return Err("`source.marker` is the name of a file that lies beside the others, such as `_SUCCESS`".into());
        }
        if self.sequence.is_some() && self.occurred_at.is_none() {
            return Err("`source.occurred_at` is missing; with a `sequence`, name the column with the time of an event, so that one that comes again in another file is the same".into());
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
                    "`source.csv.{name}` is `{sign}`; it is one ASCII character"
                ));
            }
        }
        let named: Result<(), String> = match (header, columns.is_empty()) {
            (false, true) => Err("`source.csv.columns` is missing; without a header, name the columns in their order".into()),
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
