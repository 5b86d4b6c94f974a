//! The tables of one source table in Trino: typed event log, current rows, history. Knows neither sources nor HTTP.

mod marts;
mod schema;
mod staging;

use serde_json::{Value, json};
use tokio::sync::Mutex;

pub use marts::{Versions, publish_current, publish_history};
pub use schema::ensure;
pub use staging::{Staged, stage};

use crate::pipeline::{Column, Definition, Names, Table};
use crate::publish::Publisher;
use crate::sql::TableName;
use crate::state::{Landed, Window};

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

    fn current(&self) -> TableName {
        self.names.current(self.name)
    }

    fn history(&self) -> TableName {
        self.names.history(self.name)
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
        })
    }

    /// As [`Target::context`], for the events of a range of batches.
    fn context_of(&self, window: Window, landed: &Landed) -> Value {
        let mut context = self.context();
        context["after_batch"] = window.after_batch.into();
        context["upto_batch"] = window.upto_batch.into();
        context["first_event"] = landed.events.first_event.unwrap_or(0).into();
        context["last_event"] = landed.events.last_event.unwrap_or(0).into();
        // The first time, and where a truncate touched every key, all keys are made anew.
        context["everything"] = (window.after_batch == 0 || landed.events.truncates > 0).into();
        context["truncated"] = (landed.truncates_ever > 0).into();

        context
    }
}
