//! The tables of one source table in Trino: typed event log, current rows, history. Knows neither sources nor HTTP.

mod audit;
mod ledger;
mod marts;
mod refresh;
mod reject_reasons;
mod rejects;
mod schema;
mod staging;
mod verify;

use serde_json::{Value, json};
use tokio::sync::Mutex;

pub use audit::{audit, judge};
pub use marts::{publish_current, publish_history};
pub use refresh::{Bounds, Refresh, Scope};
pub use rejects::{Dismissed, RejectFilter, Replayed, dismiss, replay, replayable};
pub use schema::{describe_anew, ensure};
pub use staging::{restage, stage};
pub use verify::{Verified, verify};

use crate::pipeline::{Column, Definition, Names, Table};
use crate::publish::Publisher;
use crate::sql::TableName;
use refresh::FIRST_LOGGED;

/// One tracked table, and what is needed to build it.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The pipeline that it belongs to.
    pub definition: &'a Definition,
    /// What its Iceberg tables are called.
    pub names: &'a Names<'a>,
    pub table: &'a Table,
    pub columns: &'a [Column],
    /// What sends the statements.
    pub publisher: Publisher<'a>,
    /// Whose turn it is to write to the rejects table that the pipeline's tables share.
    pub rejecting: &'a Mutex<()>,
}

impl Target<'_> {
    fn staging(&self) -> TableName {
        self.names.staging(&self.table.id.name)
    }

    #[must_use]
    pub fn current(&self) -> TableName {
        self.names.current(&self.table.id.name)
    }

    #[must_use]
    pub fn history(&self) -> TableName {
        self.names.history(&self.table.id.name)
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
        let from = &self.table.source;

        json!({
            "landing": self.names.landing(),
            "staging": self.staging(),
            "rejects": self.names.rejects(),
            "current": self.current(),
            "history": self.history(),
            "from": {"schema": from.schema, "table": from.name},
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
