//! Events that could not be taken, page by page, newest batch first.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::app::App;
use crate::error::{Error, Result};
use crate::pipeline::{Definition, Names, SourceTable};
use crate::sql::render;
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
    /// Only after this one: the id of the last of the page before.
    pub before: Option<String>,
    /// At most so many.
    pub limit: usize,
}

const LONGEST_DATA: usize = 10_000;

/// Lists rejects of a pipeline.
pub async fn rejects(
    app: &App,
    definition: &Definition,
    which: &RejectQuery,
) -> Result<Vec<Reject>> {
    let tables = match &which.table {
        None => Vec::new(),
        Some(name) => {
            let table = app.pipelines.table(name)?.table;
            let SourceTable { schema, name } = &table.source;
            vec![json!({"schema": schema, "table": name})]
        }
    };
    let before = which.before.as_deref().map(place).transpose()?;
    let sql = render(
        "report/rejects.sql",
        json!({
            "rejects": Names::new(definition, &app.config).rejects(),
            "tables": tables,
            "reason": which.reason,
            "before": before,
            "limit": which.limit,
        }),
    )?;
    let rows = match app.trino.query("icefront/api", &sql).await {
        // Nothing was staged yet, so nothing can have been rejected.
        Err(Error::Trino(failure)) if failure.name.ends_with("_NOT_FOUND") => Vec::new(),
        rows => rows?,
    };

    Ok(rows.iter().map(|row| reject(definition, row)).collect())
}

/// Counts the rejects that files have now, by path and batch; files without any are left out.
pub async fn rejects_by_file(
    app: &App,
    definition: &Definition,
    files: &[LedgerFile],
) -> Result<HashMap<(String, i64), i64>> {
    let mut paths = Vec::new();
    for (name, table) in &definition.tables {
        let known = app.store.table(&table.id).await?;
        if known.is_some_and(|known| known.rejects > 0) {
            let of_table = files.iter().filter(|file| file.file.table == *name);
            paths.extend(of_table.map(|file| &file.file.path));
        }
    }
    if paths.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = render(
        "report/rejects_by_file.sql",
        json!({
            "rejects": Names::new(definition, &app.config).rejects(),
            "paths": paths,
            "first_batch": files.iter().map(|file| file.batch).min(),
            "last_batch": files.iter().map(|file| file.batch).max(),
        }),
    )?;
    let rows = app.trino.query("icefront/api", &sql).await?;

    Ok(rows
        .iter()
        .filter_map(|row| {
            let file = (row[0].as_str()?.to_owned(), row[1].as_i64()?);
            Some((file, row[2].as_i64()?))
        })
        .collect())
}

/// Reads an id as the place in the list that it is: batch, then name.
fn place(id: &str) -> Result<Value> {
    let fault = || Error::NotFound {
        kind: "page",
        name: id.to_owned(),
        hint: Some("give the `next` of the page before as it was".into()),
        field: Some("before".into()),
    };
    let (batch, name) = id.split_once('.').ok_or_else(fault)?;
    let batch: i64 = batch.parse().map_err(|_| fault())?;

    Ok(json!({"batch": batch, "id": name}))
}

fn reject(definition: &Definition, row: &[Value]) -> Reject {
    let text = |at: usize| row[at].as_str().map(ToOwned::to_owned);
    let time = |at: usize| text(at).map(|time| time.replacen(' ', "T", 1).replace(" UTC", "Z"));
    let source = SourceTable::new(row[1].as_str().unwrap_or(""), row[2].as_str().unwrap_or(""));
    let table = definition
        .tables
        .values()
        .find(|table| table.source == source)
        .map_or_else(|| source.to_string(), |table| table.id.to_string());
    let event_id = match row[3].as_i64() {
        Some(id) if id.unsigned_abs() > 1 << 53 => id.to_string().into(),
        _ => row[3].clone(),
    };

    Reject {
        id: format!("{}.{}", row[7], text(0).unwrap_or_default()),
        pipeline: definition.name.clone(),
        table,
        event_id,
        operation: text(4),
        occurred_at: time(5),
        data: text(6).map(|data| data.chars().take(LONGEST_DATA).collect()),
        batch_id: row[7].as_i64(),
        reason: text(8),
        column: text(9),
        value: text(10),
        rejected_at: time(11),
    }
}
