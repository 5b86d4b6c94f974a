//! Rejects, page by page, newest batch first.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::room::{Cut, Room};
use crate::app::App;
use crate::error::{Error, Result};
use crate::pipeline::{Definition, Names, SourceTable};
use crate::sql::{Answer, TableName, render};
use crate::state::LedgerFile;

/// An event that could not be taken.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "12.5d41402abc4b2a76b9719d911017c592", "pipeline": "shop", "table": "shop.orders", "reason": "bad_value", "column": "order_sum",
    "value": "1.555", "event_id": "4711", "operation": "insert", "occurred_at": "2026-01-01T12:00:00.000000Z", "batch_id": "12",
    "rejected_at": "2026-01-01T12:00:05.000000Z", "raw_data": "{\"order_id\": 42, \"order_sum\": 1.555}",
}))]
pub struct Reject {
    /// Its name, which `replay` and `dismiss` take.
    pub id: String,
    /// The pipeline.
    pub pipeline: String,
    /// The table's name in the API; the source's where no table is made of it.
    pub table: String,
    /// Why.
    #[schema(value_type = Option<Reason>)]
    pub reason: Option<String>,
    /// The column at fault.
    pub column: Option<String>,
    /// The value at fault, as text.
    pub value: Option<String>,
    /// The source's id of the event.
    pub event_id: Option<String>,
    /// What happened; `null` if the source has another word, which `value` shows.
    pub operation: Option<Operation>,
    /// When it happened.
    #[schema(value_type = Option<Timestamp>)]
    pub occurred_at: Option<String>,
    /// The batch that landed it.
    pub batch_id: Option<String>,
    /// When it was rejected.
    #[schema(value_type = Option<Timestamp>)]
    pub rejected_at: Option<String>,
    /// The row as it came, at most 10,000 characters of it.
    pub raw_data: Option<String>,
}

/// Why an event was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RejectReason)]
pub enum Reason {
    /// A value of the key is missing.
    NullKey,
    /// The operation is none of insert, update, delete and truncate.
    BadOperation,
    /// The event is from the future.
    FutureTime,
    /// A value does not fit its column.
    BadValue,
    /// The row is no JSON object.
    BadJson,
    /// Another event has the same id.
    IdReuse,
    /// The key was forgotten. The event has no content.
    Forgotten,
}

impl Reason {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NullKey => "null_key",
            Self::BadOperation => "bad_operation",
            Self::FutureTime => "future_time",
            Self::BadValue => "bad_value",
            Self::BadJson => "bad_json",
            Self::IdReuse => "id_reuse",
            Self::Forgotten => "forgotten",
        }
    }
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Insert,
    Update,
    Delete,
    Truncate,
}

impl Operation {
    const ALL: [Self; 4] = [Self::Insert, Self::Update, Self::Delete, Self::Truncate];

    /// As events have it.
    fn letter(self) -> &'static str {
        match self {
            Self::Insert => "I",
            Self::Update => "U",
            Self::Delete => "D",
            Self::Truncate => "T",
        }
    }
}

/// Which rejects of a pipeline to list.
#[derive(Debug, Default)]
pub struct RejectQuery {
    /// Only of this table, by its name in the API.
    pub table: Option<String>,
    /// Only with one of these reasons; all if empty.
    pub reasons: Vec<Reason>,
    /// Only with a fault in this column.
    pub column: Option<String>,
    /// Only of this batch.
    pub batch: Option<i64>,
    /// Only with one of these operations; all if empty.
    pub operations: Vec<Operation>,
    /// Only after this one: the id of the last reject before.
    pub after: Option<String>,
    /// The most rejects.
    pub limit: usize,
    /// About the most bytes of them.
    pub bytes: usize,
}

/// Rejects that a page takes.
#[derive(Debug)]
pub struct SomeRejects {
    pub rejects: Vec<Reject>,
    /// About how many they have.
    pub bytes: usize,
    /// Whether there are more, although there are fewer than were asked for.
    pub is_cut: bool,
}

/// In characters.
const LONGEST_DATA: usize = 10_000;

/// The context of `report/rejects.sql`.
#[derive(Serialize)]
struct RejectsContext<'a> {
    rejects: TableName,
    /// Only of these tables; of all if empty.
    tables: Vec<&'a SourceTable>,
    reasons: Vec<&'a str>,
    column: Option<&'a str>,
    batch: Option<i64>,
    operations: Vec<&'a str>,
    after: Option<Place<'a>>,
    longest_data: usize,
    limit: usize,
}

/// The place of a reject in the list: its batch, then its name.
#[derive(Serialize)]
struct Place<'a> {
    batch: i64,
    id: &'a str,
}

/// A row of `report/rejects.sql`.
#[derive(Deserialize)]
struct RejectRow {
    #[serde(rename = "_id")]
    name: String,
    tbl_schema: Option<String>,
    tbl_name: Option<String>,
    audit_event_id: Option<i64>,
    audit_operation: Option<String>,
    occurred_at: Option<String>,
    raw_data: Option<String>,
    #[serde(rename = "_batch_id")]
    batch: i64,
    reason: Option<String>,
    column_name: Option<String>,
    value: Option<String>,
    rejected_at: Option<String>,
}

/// The context of `report/rejects_by_file.sql`.
#[derive(Serialize)]
struct FilesContext<'a> {
    rejects: TableName,
    paths: Vec<&'a str>,
    first_batch: Option<i64>,
    last_batch: Option<i64>,
}

/// A row of `report/rejects_by_file.sql`.
#[derive(Deserialize)]
struct FileRow {
    source_file: String,
    #[serde(rename = "_batch_id")]
    batch: i64,
    rejects: i64,
}

/// Lists rejects of a pipeline.
pub async fn rejects(
    app: &App,
    definition: &Definition,
    which: &RejectQuery,
) -> Result<SomeRejects> {
    let tables = match &which.table {
        None => Vec::new(),
        Some(name) => vec![&app.pipelines.table(name)?.table.source],
    };
    let context = RejectsContext {
        rejects: Names::new(definition, &app.config).rejects(),
        tables,
        reasons: which.reasons.iter().map(|reason| reason.as_str()).collect(),
        column: which.column.as_deref(),
        batch: which.batch,
        operations: which
            .operations
            .iter()
            .map(|operation| operation.letter())
            .collect(),
        after: which.after.as_deref().map(place).transpose()?,
        longest_data: LONGEST_DATA,
        limit: which.limit,
    };
    let statement = "report/rejects.sql";
    let sql = render(statement, context)?;
    let mut answer = match app.trino.read_some("icefront/api", &sql, which.bytes).await {
        // Nothing was staged yet, so there are no rejects.
        Err(Error::Trino(failure)) if failure.name.ends_with("_NOT_FOUND") => Answer::default(),
        answer => answer?,
    };
    let room = Room {
        rows: which.limit,
        bytes: which.bytes,
    };
    let Cut { taken, has_more } = room.cut(&mut answer);
    let rows: Vec<RejectRow> = answer.decode(statement)?;

    Ok(SomeRejects {
        rejects: rows.into_iter().map(|row| row.reject(definition)).collect(),
        bytes: taken.bytes,
        is_cut: has_more,
    })
}

/// A file, together with the batch that read it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BatchFile {
    pub path: String,
    pub batch: i64,
}

/// Counts the rejects that files have now; skips files without rejects.
pub async fn rejects_by_file(
    app: &App,
    definition: &Definition,
    files: &[LedgerFile],
) -> Result<HashMap<BatchFile, i64>> {
    let mut paths = Vec::new();
    for (name, table) in &definition.tables {
        let known = app.store.table(&table.id).await?;
        if known.is_some_and(|known| known.rejects > 0) {
            let of_table = files.iter().filter(|file| file.file.table == *name);
            paths.extend(of_table.map(|file| file.file.path.as_str()));
        }
    }
    if paths.is_empty() {
        return Ok(HashMap::new());
    }
    let context = FilesContext {
        rejects: Names::new(definition, &app.config).rejects(),
        paths,
        first_batch: files.iter().map(|file| file.batch).min(),
        last_batch: files.iter().map(|file| file.batch).max(),
    };
    let rows = app
        .trino
        .rows::<FileRow>("icefront/api", "report/rejects_by_file.sql", context);

    Ok(rows
        .await?
        .into_iter()
        .map(|row| {
            let file = BatchFile {
                path: row.source_file,
                batch: row.batch,
            };
            (file, row.rejects)
        })
        .collect())
}

/// Reads the id of a reject as its place in the list.
fn place(id: &str) -> Result<Place<'_>> {
    let fault = || Error::Invalid {
        field: "after".into(),
        detail: "`after` is no cursor of this list; give the `next` of the page before as it was"
            .into(),
    };
    let (batch, id) = id.split_once('.').ok_or_else(fault)?;
    let batch = batch.parse().map_err(|_| fault())?;

    Ok(Place { batch, id })
}

impl RejectRow {
    fn reject(self, definition: &Definition) -> Reject {
        let time =
            |time: Option<String>| time.map(|t| t.replacen(' ', "T", 1).replace(" UTC", "Z"));
        let source = SourceTable {
            schema: self.tbl_schema.unwrap_or_default(),
            name: self.tbl_name.unwrap_or_default(),
        };
        let table = definition
            .tables
            .values()
            .find(|table| table.source == source)
            .map_or_else(|| source.to_string(), |table| table.id.to_string());
        let letter = self.audit_operation.as_deref();
        let mut operations = Operation::ALL.into_iter();

        Reject {
            id: format!("{}.{}", self.batch, self.name),
            pipeline: definition.name.clone(),
            table,
            event_id: self.audit_event_id.map(|id| id.to_string()),
            operation: operations.find(|operation| Some(operation.letter()) == letter),
            occurred_at: time(self.occurred_at),
            raw_data: self.raw_data,
            batch_id: Some(self.batch.to_string()),
            reason: self.reason,
            column: self.column_name,
            value: self.value,
            rejected_at: time(self.rejected_at),
        }
    }
}
