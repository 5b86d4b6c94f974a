//! Rejects, page by page, newest batch first.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::{Error, Result};
use crate::pipeline::{Definition, Names, SourceTable};
use crate::sql::TableName;
use crate::state::LedgerFile;

/// An event that could not be taken.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "12.5d41402abc4b2a76b9719d911017c592", "pipeline": "shop", "table": "shop.orders", "reason": "bad_value", "column": "order_sum",
    "value": "1.555", "event_id": 4711, "operation": "I", "occurred_at": "2026-01-01T12:00:00.000000Z", "batch_id": 12,
    "rejected_at": "2026-01-01T12:00:05.000000Z", "data": "{\"order_id\": 42, \"order_sum\": 1.555}",
}))]
pub struct Reject {
    /// Its name, which `replay` and `dismiss` take.
    pub id: String,
    /// The pipeline.
    pub pipeline: String,
    /// The table's name in the API; the source's where no table is made of it.
    pub table: String,
    /// Why: `null_key`, `bad_operation`, `future_time`, `bad_value`, `bad_json`, `id_reuse`.
    pub reason: Option<String>,
    /// The column at fault.
    pub column: Option<String>,
    /// The value at fault, as text.
    pub value: Option<String>,
    /// The source's number of the event; text where JavaScript would round it.
    #[schema(value_type = Option<i64>)]
    pub event_id: Value,
    /// What happened: `I`, `U`, `D`, `T`, or what stood there.
    pub operation: Option<String>,
    /// When it happened.
    pub occurred_at: Option<String>,
    /// The batch that landed it.
    pub batch_id: Option<i64>,
    /// When it was rejected.
    pub rejected_at: Option<String>,
    /// The row as it came, at most 10,000 characters of it.
    pub data: Option<String>,
}

/// Which rejects to list.
#[derive(Debug, Default)]
pub struct RejectQuery {
    /// Only of this table, by its name in the API.
    pub table: Option<String>,
    /// Only with this reason.
    pub reason: Option<String>,
    /// Only after this one: the id of the last reject of the page before.
    pub before: Option<String>,
    /// The most rejects.
    pub limit: usize,
}

/// In characters.
const LONGEST_DATA: usize = 10_000;

/// The context of `report/rejects.sql`.
#[derive(Serialize)]
struct RejectsContext<'a> {
    rejects: TableName,
    /// Only of these tables; of all if empty.
    tables: Vec<&'a SourceTable>,
    reason: Option<&'a str>,
    before: Option<Place<'a>>,
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
) -> Result<Vec<Reject>> {
    let tables = match &which.table {
        None => Vec::new(),
        Some(name) => vec![&app.pipelines.table(name)?.table.source],
    };
    let context = RejectsContext {
        rejects: Names::new(definition, &app.config).rejects(),
        tables,
        reason: which.reason.as_deref(),
        before: which.before.as_deref().map(place).transpose()?,
        limit: which.limit,
    };
    let rows: Result<Vec<RejectRow>> = app
        .trino
        .rows("icefront/api", "report/rejects.sql", context)
        .await;
    let rows = match rows {
        // Nothing was staged yet, so there are no rejects.
        Err(Error::Trino(failure)) if failure.name.ends_with("_NOT_FOUND") => Vec::new(),
        rows => rows?,
    };

    Ok(rows.into_iter().map(|row| row.reject(definition)).collect())
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
    let fault = || Error::NotFound {
        kind: "page",
        name: id.to_owned(),
        hint: Some("give the `next` of the page before as it was".into()),
        field: Some("before".into()),
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
        let event_id = match self.audit_event_id {
            Some(id) if id.unsigned_abs() > 1 << 53 => id.to_string().into(),
            id => json!(id),
        };

        Reject {
            id: format!("{}.{}", self.batch, self.name),
            pipeline: definition.name.clone(),
            table,
            event_id,
            operation: self.audit_operation,
            occurred_at: time(self.occurred_at),
            data: self
                .raw_data
                .map(|data| data.chars().take(LONGEST_DATA).collect()),
            batch_id: Some(self.batch),
            reason: self.reason,
            column: self.column_name,
            value: self.value,
            rejected_at: time(self.rejected_at),
        }
    }
}
