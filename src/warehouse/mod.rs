//! The tables of one source table in Trino: typed event log, current rows, history. Knows neither sources nor HTTP.

mod audit;
mod ledger;
mod marts;
mod rejects;
mod schema;
mod span;
mod staging;
mod verify;

use serde_json::{Value, json};
use tokio::sync::Mutex;

pub use audit::{audit, judge};
pub use marts::{publish_current, publish_history};
pub use rejects::{Meant, dismiss, replay, replayable};
pub use schema::{describe_anew, ensure};
pub use span::{Bounds, Reach, Span};
pub use staging::{restage, stage};
pub use verify::{Verified, verify};

use crate::pipeline::{Column, Definition, Names, Table};
use crate::publish::Publisher;
use crate::sql::TableName;
use span::FIRST_LOGGED;

/// One tracked table, and what is needed to build it.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The pipeline that it belongs to.
    pub definition: &'a Definition,
    /// What its Iceberg tables are called.
    pub names: &'a Names<'a>,
    /// Its name.
    pub name: &'a str,
    /// Its definition.
    pub table: &'a Table,
    /// Its business columns.
    pub columns: &'a [Column],
    /// What sends the statements.
    pub publisher: Publisher<'a>,
    /// Whose turn it is to write to the rejects table that the pipeline's tables share.
    pub rejecting: &'a Mutex<()>,
}

impl Target<'_> {
    fn staging(&self) -> TableName {
        self.names.staging(self.name)
    }

    /// Its current rows.
    #[must_use]
    pub fn current(&self) -> TableName {
        self.names.current(self.name)
    }

    /// Its versions.
    #[must_use]
    pub fn history(&self) -> TableName {
        self.names.history(self.name)
    }

    /// The table's name in the API, such as `shop.orders`.
    #[must_use]
    pub fn api_name(&self) -> String {
        format!("{}.{}", self.definition.name, self.name)
    }

    /// Whether some columns start no versions.
    fn has_untracked(&self) -> bool {
        self.columns.iter().any(|column| column.is_untracked)
    }

    /// What every statement about the table may name.
    fn context(&self) -> Value {
        let only = |which: &dyn Fn(&Column) -> bool| -> Vec<&Column> {
            self.columns.iter().filter(|column| which(column)).collect()
        };
        let (schema, table) = self.table.origin();

        json!({
            "landing": self.names.landing(),
            "staging": self.staging(),
            "rejects": self.names.rejects(),
            "current": self.current(),
            "history": self.history(),
            "from": {"schema": schema, "table": table},
            "columns": self.columns,
            "key_columns": only(&|column| column.is_key),
            "value_columns": only(&|column| !column.is_key),
            "tracked_columns": only(&|column| !column.is_key && !column.is_untracked),
            "untracked_columns": only(&|column| column.is_untracked),
            "max_clock_skew_seconds": self.definition.max_clock_skew.as_secs(),
            "by_clock": self.table.is_by_clock,
            "is_by_content": self.definition.source.is_by_content(),
            "first_logged": FIRST_LOGGED,
            "replaying": false,
            "remaking": false,
        })
    }
}
