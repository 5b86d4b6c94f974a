//! Bounded look-ups in current tables and histories: values as JSON that loses nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::room::Room;
use crate::app::App;
use crate::error::{Error, Result};
use crate::pipeline::{Column, Marts, Names, Table, TrackedTable};
use crate::sql::{Answer, TableName, render, timestamp_text};
use crate::state::TableState;

/// Rows of a table, each a column's name and value.
pub type Rows = Vec<Map<String, Value>>;

/// Which rows of a table to look up.
#[derive(Debug, Default)]
pub struct RowQuery {
    /// Only the row of this key: values as texts, by column.
    pub key: BTreeMap<String, String>,
    /// As the rows were at this time of their events; `None`: as they are now.
    pub as_of: Option<Timestamp>,
    /// As the table had been published by this time; `None`: as it is now.
    pub loaded_as_of: Option<Timestamp>,
    /// Only rows after the one with this key, whose values are texts in the order of the key's columns.
    pub after: Option<Vec<String>>,
    /// The most rows.
    pub limit: usize,
}

/// Which versions of a row to look up.
#[derive(Debug, Default)]
pub struct VersionQuery {
    /// The values as texts, by column.
    pub key: BTreeMap<String, String>,
    /// Only versions that begin after this time.
    pub after: Option<Timestamp>,
    /// The most versions.
    pub limit: usize,
}

/// Rows that a page takes, which are about 8 MiB at most.
#[derive(Debug)]
pub struct SomeRows {
    pub rows: Rows,
    /// Whether there are more, although there are fewer than were asked for.
    pub is_cut: bool,
}

/// Rows in the order of their key.
#[derive(Debug)]
pub struct OrderedRows {
    pub rows: SomeRows,
    /// The names of the key's columns.
    pub key: Vec<String>,
}

/// The context of `report/history.sql`.
#[derive(Serialize)]
struct HistoryContext<'a> {
    history: TableName,
    key: Vec<KeyPart<'a>>,
    after: Option<String>,
    limit: usize,
}

/// The context of `report/rows.sql`.
#[derive(Serialize)]
struct RowsContext<'a> {
    table: TableName,
    /// Whether the rows are the open versions of a history.
    of_open_versions: bool,
    key_columns: &'a [&'a Column],
    key: Vec<KeyPart<'a>>,
    as_of: Option<String>,
    loaded_as_of: Option<String>,
    /// The values of a key, in the order of its columns.
    after: Option<Vec<String>>,
    limit: usize,
}

/// A column of a key with its value.
#[derive(Serialize)]
struct KeyPart<'a> {
    name: &'a str,
    data_type: &'a str,
    value: String,
}

/// A table that has a typed log, so that its marts can be read.
struct ReadableTable<'a> {
    names: Names<'a>,
    table: &'a Table,
    state: TableState,
}

/// Looks up versions of one key, oldest first. Fails with [`Error::NotFound`] if nothing was published yet, or if the key
/// has other columns.
pub async fn versions(app: &App, table: &str, which: &VersionQuery) -> Result<SomeRows> {
    let readable = readable_table(app, table).await?;
    need_history(readable.table, &readable.state, None)?;
    let context = HistoryContext {
        history: readable.names.history(&readable.table.id.name),
        key: whole_key(&readable.state, &which.key)?,
        after: which.after.map(timestamp_text),
        limit: which.limit,
    };

    let sql = render("report/history.sql", context)?;

    read(app, &sql, &which.key, Room::of(which.limit)).await
}

/// Looks up rows in the order of their key. Fails with [`Error::NotFound`] as [`versions`] does, and if the table had
/// not been published by `loaded_as_of`.
pub async fn rows(app: &App, table: &str, which: &RowQuery) -> Result<OrderedRows> {
    let ReadableTable {
        names,
        table,
        state,
    } = readable_table(app, table).await?;
    let keys: Vec<_> = state.columns.iter().filter(|c| c.is_key).collect();
    if let Some(after) = &which.after
        && after.len() != keys.len()
    {
        return Err(Error::Invalid {
            field: "after".into(),
            detail: "the key of the table has changed; leave `after` out to begin again".into(),
        });
    }
    let after = which.after.as_ref().map(|after| {
        let pairs = keys.iter().zip(after);
        pairs.map(|(column, value)| column.literal(value)).collect()
    });
    let key = if which.key.is_empty() {
        Vec::new()
    } else {
        whole_key(&state, &which.key)?
    };
    let name = &table.id.name;
    let is_history = which.as_of.is_some();
    if is_history {
        need_history(table, &state, Some("as_of"))?;
    }
    // A view has no snapshots.
    let of_open_versions =
        !is_history && which.loaded_as_of.is_some() && state.marts == Marts::CurrentView;
    let context = RowsContext {
        table: if is_history || of_open_versions {
            names.history(name)
        } else {
            names.current(name)
        },
        of_open_versions,
        key_columns: &keys,
        key,
        as_of: which.as_of.map(timestamp_text),
        // Future publications are unknown, so a future time means now.
        loaded_as_of: which
            .loaded_as_of
            .filter(|time| *time < Timestamp::now())
            .map(timestamp_text),
        after,
        limit: which.limit,
    };
    let sql = render("report/rows.sql", context)?;
    let mut rows = read(app, &sql, &which.key, Room::of(which.limit)).await?;
    // The flags describe today, not the time that was asked for.
    let hidden: &[&str] = if is_history {
        &["is_current", "is_deleted"]
    } else if of_open_versions {
        &["valid_from", "valid_to", "is_current", "is_deleted"]
    } else {
        &[]
    };
    for row in &mut rows.rows {
        row.retain(|column, _| !hidden.contains(&column.as_str()));
    }

    Ok(OrderedRows {
        rows,
        key: keys.iter().map(|column| column.name.clone()).collect(),
    })
}

/// Refuses a question about the history of a table that has none. `field` is the parameter that asks for it.
fn need_history(table: &Table, state: &TableState, field: Option<&str>) -> Result<()> {
    if state.marts.has_history() {
        return Ok(());
    }

    Err(Error::NotFound {
        kind: "history",
        name: table.id.to_string(),
        hint: Some(format!(
            "its marts were made by `tables.{}.history: off`",
            table.id.name
        )),
        field: field.map(Into::into),
    })
}

async fn readable_table<'a>(app: &'a App, table: &str) -> Result<ReadableTable<'a>> {
    let TrackedTable {
        definition,
        table: tracked,
    } = app.pipelines.table(table)?;
    let state = app.store.table(&tracked.id).await?;
    let state = state.filter(|state| state.staged_batch > 0);
    let Some(state) = state else {
        return Err(Error::not_found("published history of table", table, []));
    };

    Ok(ReadableTable {
        names: Names::new(definition, &app.config),
        table: tracked,
        state,
    })
}

async fn read(
    app: &App,
    sql: &str,
    key: &BTreeMap<String, String>,
    room: Room,
) -> Result<SomeRows> {
    let found = app.trino.read_some("icefront/api", sql, room.bytes).await;
    let found = found.map_err(|error| as_not_found(error, key))?;
    let SomeRows { mut rows, is_cut } = some_rows(found, room);
    // The columns that the table has, or had then, except the service's own, which begin with `_`.
    for row in &mut rows {
        row.retain(|column, _| column == "_event_id" || !column.starts_with('_'));
    }

    Ok(SomeRows { rows, is_cut })
}

/// The rows of an answer that there is room for.
pub(super) fn some_rows(mut answer: Answer, room: Room) -> SomeRows {
    let is_cut = room.cut(&mut answer).has_more;

    SomeRows {
        rows: named(answer),
        is_cut,
    }
}

/// Rows as JSON that loses nothing.
pub(super) fn named(answer: Answer) -> Rows {
    let Answer { columns, rows, .. } = answer;
    let rows = rows.into_iter().map(|row| {
        let cells = columns.iter().zip(row);
        let cells =
            cells.map(|(column, value)| (column.name.clone(), exact(&column.data_type, value)));
        cells.collect()
    });

    rows.collect()
}

/// Pairs every column of the key with its value. Fails if a key column is missing or another column is given.
fn whole_key<'a>(
    state: &'a TableState,
    given: &BTreeMap<String, String>,
) -> Result<Vec<KeyPart<'a>>> {
    let columns = state.columns.iter().filter(|column| column.is_key);
    let key: Option<Vec<KeyPart<'_>>> = columns
        .clone()
        .map(|column| {
            let value = given.get(&column.name)?;
            Some(KeyPart {
                name: &column.name,
                data_type: &column.data_type,
                value: column.literal(value),
            })
        })
        .collect();
    let whole: Vec<String> = columns
        .map(|column| format!("key.{}=…", column.name))
        .collect();

    key.filter(|key| key.len() == given.len())
        .ok_or_else(|| Error::NotFound {
            kind: "key",
            name: given
                .keys()
                .map(|name| format!("key.{name}"))
                .collect::<Vec<_>>()
                .join("&"),
            hint: Some(format!("give the whole key: `?{}`", whole.join("&"))),
            field: Some("key".into()),
        })
}

/// Trino fails a look-up with a value that does not fit its column's type. No row has that key. It also fails one from
/// before the table's first snapshot, when the table had no rows.
fn as_not_found(error: Error, given: &BTreeMap<String, String>) -> Error {
    let pairs = given
        .iter()
        .map(|(name, value)| format!("key.{name}={value}"));
    match error {
        Error::Trino(failure) if failure.name == "INVALID_CAST_ARGUMENT" => Error::NotFound {
            kind: "row",
            name: pairs.collect::<Vec<_>>().join("&"),
            hint: Some(format!("the key cannot be read: {}", failure.message)),
            field: Some("key".into()),
        },
        Error::Trino(failure) if failure.message.contains("No version history") => {
            Error::NotFound {
                kind: "snapshot",
                name: "loaded_as_of".into(),
                hint: Some(
                    "the table had not been published by then, or its snapshots have expired"
                        .into(),
                ),
                field: Some("loaded_as_of".into()),
            }
        }
        other => other,
    }
}

/// Writes a value by the type of its column: `bigint` as text, because JavaScript rounds long ones, and times as RFC 3339. Trino writes
/// `decimal` as text.
fn exact(data_type: &str, value: Value) -> Value {
    match value {
        Value::Number(number) if data_type.contains("bigint") => number.to_string().into(),
        Value::Array(values) => values
            .into_iter()
            .map(|value| exact(data_type, value))
            .collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, exact(data_type, value)))
            .collect(),
        Value::String(time) if data_type.starts_with("timestamp") => {
            time.replacen(' ', "T", 1).replace(" UTC", "Z").into()
        }
        value => value,
    }
}
