//! One tracked table with all that its statements need.

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::pipeline::{Column, Definition, Marts, Names, SourceTable, Table};
use crate::publish::Publisher;
use crate::sql::TableName;
use crate::state::Layer;

/// The lowest id that an event of an audit log can have. Lower ids belong to a backfill: rows that were read from the
/// table itself.
pub(super) const FIRST_AUDIT_ID: i64 = i64::MIN / 2;

#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub definition: &'a Definition,
    /// What its Iceberg tables are called.
    pub names: &'a Names<'a>,
    pub table: &'a Table,
    pub columns: &'a [Column],
    /// The marts that it has, or is about to have.
    pub marts: Marts,
    pub publisher: Publisher<'a>,
    /// The pipeline's tables share one rejects table, and write to it one after the other: two merges at once fail each other.
    pub rejecting: &'a Mutex<()>,
    /// The marts of a table share one sliced log: the first one makes it. One log is copied at a time.
    pub slicing: &'a Mutex<()>,
    /// The bytes that one statement should need at most.
    pub statement_memory: u64,
}

/// The context of every statement about a tracked table.
#[derive(Debug, Clone, Serialize)]
pub(super) struct TableContext<'a> {
    landing: TableName,
    staging: TableName,
    sliced_log: TableName,
    rejects: TableName,
    current: TableName,
    history: TableName,
    /// Trino's properties of the table of current rows, and those of the history.
    current_properties: Map<String, Value>,
    history_properties: Map<String, Value>,
    /// Whether the current rows are a view of the history's open versions.
    current_is_view: bool,
    from: &'a SourceTable,
    columns: &'a [Column],
    key_columns: Vec<&'a Column>,
    value_columns: Vec<&'a Column>,
    /// Columns whose changes start a version.
    tracked_columns: Vec<&'a Column>,
    untracked_columns: Vec<&'a Column>,
    /// The column that rises with every change of a row, if the table has it.
    cursor: Option<&'a Column>,
    max_clock_skew_seconds: u64,
    /// Whether events are ordered by their time, then their id; else by their id alone.
    by_clock: bool,
    /// Whether the service numbers events itself, so that an event that comes again is known by its content.
    pub(super) is_by_content: bool,
    first_audit_id: i64,
}

impl<'a> Target<'a> {
    pub(super) fn staging(&self) -> TableName {
        self.names.staging(&self.table.id.name)
    }

    pub(super) fn sliced_log(&self) -> TableName {
        self.names.sliced_log(&self.table.id.name)
    }

    #[must_use]
    pub fn current(&self) -> TableName {
        self.names.current(&self.table.id.name)
    }

    #[must_use]
    pub fn history(&self) -> TableName {
        self.names.history(&self.table.id.name)
    }

    /// The step that stages the table.
    pub(super) fn stage_step(&self) -> String {
        format!("stage.{}", self.table.id.name)
    }

    /// The layer that is built first: the others follow from it.
    #[must_use]
    pub fn first_layer(&self) -> Layer {
        if self.marts.has_history() {
            Layer::History
        } else {
            Layer::Current
        }
    }

    /// Whether some columns start no versions.
    pub(super) fn has_untracked(&self) -> bool {
        self.columns.iter().any(|column| column.is_untracked)
    }

    /// The table of a layer.
    pub(super) fn table_of(&self, layer: Layer) -> TableName {
        match layer {
            Layer::Log => self.staging(),
            Layer::Sliced => self.sliced_log(),
            Layer::Current => self.current(),
            Layer::History => self.history(),
        }
    }

    /// Trino's properties of the table of a layer. Those of the logs are not choosable.
    pub(super) fn properties_of(&self, layer: Layer) -> Map<String, Value> {
        match layer {
            Layer::Log | Layer::Sliced => Map::new(),
            Layer::Current => self.table.properties.of_current(),
            Layer::History => self.table.properties.of_history(),
        }
    }

    /// The table that is built before it replaces that of a layer. Nothing follows the sliced log.
    pub(super) fn build_of(&self, layer: Layer) -> TableName {
        match layer {
            Layer::Sliced => self.sliced_log(),
            layer => Names::build(&self.table_of(layer)),
        }
    }

    /// The context of the statement that creates the table of a build.
    pub(super) fn context_of_build(&self, layer: Layer) -> TableContext<'a> {
        let mut context = self.context();
        let table = match layer {
            Layer::Log => &mut context.staging,
            Layer::Sliced => &mut context.sliced_log,
            Layer::Current => &mut context.current,
            Layer::History => &mut context.history,
        };
        *table = self.build_of(layer);

        context
    }

    pub(super) fn context(&self) -> TableContext<'a> {
        let only = |which: &dyn Fn(&Column) -> bool| -> Vec<&'a Column> {
            self.columns.iter().filter(|column| which(column)).collect()
        };

        TableContext {
            landing: self.names.landing(),
            staging: self.staging(),
            sliced_log: self.sliced_log(),
            rejects: self.names.rejects(),
            current: self.current(),
            history: self.history(),
            current_properties: self.properties_of(Layer::Current),
            history_properties: self.properties_of(Layer::History),
            current_is_view: self.marts == Marts::CurrentView,
            from: &self.table.source,
            columns: self.columns,
            key_columns: only(&|column| column.is_key),
            value_columns: only(&|column| !column.is_key),
            tracked_columns: only(&|column| !column.is_key && !column.is_untracked),
            untracked_columns: only(&|column| column.is_untracked),
            cursor: self.columns.iter().find(|column| {
                column.path.is_none() && Some(&column.from) == self.table.cursor.as_ref()
            }),
            max_clock_skew_seconds: self.definition.max_clock_skew.as_secs(),
            by_clock: self.table.is_by_clock,
            is_by_content: self.definition.source.is_by_content(),
            first_audit_id: FIRST_AUDIT_ID,
        }
    }
}
