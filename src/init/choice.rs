//! Which tables a pipeline follows, and why it leaves others out.

use std::fmt;

use icefront_client::text::one_line;
use icefront_generate::{Identifier, NameError, QualifiedName};

use super::fault::invalid;
use super::log::Log;
use crate::error::Result;
use crate::pipeline::{CatalogueColumn, SourceTable};
use crate::source::{FoundKind, FoundTable, Inventory, can_be_cursor, is_time};

/// A pipeline is made of at most this many tables. More are a choice that nobody made.
pub(super) const MOST_TABLES: u32 = 200;
/// A message has at most this many reasons.
const MOST_REASONS: usize = 20;
/// Names of columns that an application sets with each change of a row, without `_`. The first one that a table has is taken.
const CURSORS: [&str; 16] = [
    "updatedat",
    "modifiedat",
    "changedat",
    "lastupdatedat",
    "lastmodifiedat",
    "lastupdated",
    "lastmodified",
    "lastupdate",
    "updatedon",
    "modifiedon",
    "updatetime",
    "modifieddate",
    "writedate",
    "updated",
    "modified",
    "changed",
];

/// Tables that are followed, and tables that are left out.
pub(super) struct Choice {
    /// At least one, sorted by name.
    pub(super) tables: Vec<ChosenTable>,
    pub(super) left_out: Vec<LeftOut>,
}

/// A table that the pipeline follows.
pub(super) struct ChosenTable {
    pub(super) found: FoundTable,
    /// In the source.
    pub(super) columns: Vec<CatalogueColumn>,
    /// Columns in the source.
    pub(super) key: Vec<String>,
    /// Only of a polled table.
    pub(super) cursor: Option<Cursor>,
}

/// A column that rises with each change of a row.
pub(super) struct Cursor {
    pub(super) column: String,
    pub(super) has_index: bool,
}

/// A table that the pipeline does not follow.
pub(super) struct LeftOut {
    pub(super) table: SourceTable,
    /// Why, and what to do.
    pub(super) reason: String,
}

impl Choice {
    /// Chooses among tables. `cursors` are names that a caller gave, `user` is that of the connection.
    pub(super) async fn of(
        inventory: &Inventory<'_>,
        found: Vec<FoundTable>,
        user: &str,
        log: Option<&Log>,
        cursors: &[String],
    ) -> Result<Self> {
        let mut choice = Self {
            tables: Vec::new(),
            left_out: Vec::new(),
        };
        for table in found {
            let name = table.name.clone();
            match choose(inventory, table, user, log, cursors).await? {
                Ok(table) => choice.tables.push(table),
                Err(reason) => choice.left_out.push(LeftOut {
                    table: name,
                    reason,
                }),
            }
        }

        if choice.tables.is_empty() {
            let left_out: Vec<String> = choice
                .left_out
                .iter()
                .take(MOST_REASONS)
                .map(ToString::to_string)
                .collect();
            return Err(invalid(
                "table",
                format!("no table can be followed. {}", left_out.join(". ")),
            ));
        }

        Ok(choice)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", one_line(&self.table.to_string()), self.reason)
    }
}

/// A table as the pipeline follows it, or the reason why it does not.
async fn choose(
    inventory: &Inventory<'_>,
    found: FoundTable,
    user: &str,
    log: Option<&Log>,
    cursors: &[String],
) -> Result<Result<ChosenTable, String>> {
    let key = match key_of(&found, user, log) {
        Ok(key) => key,
        Err(reason) => return Ok(Err(reason)),
    };
    let columns = inventory.columns(&found.name).await?;
    let cursor = match log {
        Some(_) => None,
        None => match cursor_of(&columns, cursors) {
            Ok(column) => Some(Cursor {
                has_index: inventory.has_index(&found, &column).await?,
                column,
            }),
            Err(reason) => return Ok(Err(reason)),
        },
    };

    Ok(Ok(ChosenTable {
        found,
        columns,
        key,
        cursor,
    }))
}

/// The key of a table that can be followed, or the reason why it cannot.
fn key_of(found: &FoundTable, user: &str, log: Option<&Log>) -> Result<Vec<String>, String> {
    let name = &found.name;
    if log.is_some_and(|log| log.name == *name) {
        return Err("it is the audit log".into());
    }
    match found.kind {
        FoundKind::Table => {}
        FoundKind::View => {
            return Err(
                "it is a view or a foreign table; name the tables behind it by `--table`".into(),
            );
        }
        FoundKind::Partition => {
            return Err(
                "it is a partition; name the table that it is a part of by `--table`".into(),
            );
        }
    }
    if name.schema.contains('.') {
        return Err("the name of its schema has a point, which `from` cannot say".into());
    }
    if found.is_hidden {
        return Err(format!(
            "row-level security decides which of its rows user `{user}` sees; give the user `bypassrls`"
        ));
    }
    let Some(key) = &found.key else {
        return Err("it has no primary key, and no other unique key that is never null; add one, or add the table to pipeline.yaml with a `key` that identifies a row".into());
    };
    if let Err(fault) = trigger_names(name, key) {
        return Err(fault.to_string());
    }

    Ok(key.clone())
}

/// A table and its key, as the SQL of triggers takes them. It refuses names that no text file should have, such as ones with line ends.
pub(super) fn trigger_names(
    table: &SourceTable,
    key: &[String],
) -> Result<(QualifiedName, Vec<Identifier>), NameError> {
    let table = QualifiedName {
        schema: table.schema.parse()?,
        name: table.name.parse()?,
    };
    let key = key.iter().map(|column| column.parse());

    Ok((table, key.collect::<Result<_, _>>()?))
}

/// The cursor column of a polled table, or the reason why it has none.
fn cursor_of(columns: &[CatalogueColumn], given: &[String]) -> Result<String, String> {
    let plain = |name: &str| name.to_lowercase().replace('_', "");
    let named = |name: &String| {
        let mut columns = columns.iter();
        columns.find(|column| column.name == *name && can_be_cursor(&column.data_type))
    };
    let usual = |name: &str| {
        let mut columns = columns.iter();
        columns.find(|column| plain(&column.name) == name && is_time(&column.data_type))
    };
    let found = if given.is_empty() {
        CURSORS.iter().find_map(|name| usual(name))
    } else {
        given.iter().find_map(named)
    };
    let times: Vec<String> = columns
        .iter()
        .filter(|column| is_time(&column.data_type))
        .take(5)
        .map(|column| format!("`{}`", column.name))
        .collect();

    found.map(|column| column.name.clone()).ok_or_else(|| {
        let but = if times.is_empty() {
            String::new()
        } else {
            format!(" (its times: {})", times.join(", "))
        };
        format!(
            "it has no column {} that rises with each change of a row{but}; name one by `--cursor`, or follow it by `--kind postgres_audit_log`",
            if given.is_empty() { "such as `updated_at`".into() } else { format!("`{}`", given.join("`, `")) }
        )
    })
}
