//! A statement that the next run would send, as the functions that send it write it.

use serde::Serialize;

use super::Target;
use crate::sql::TableName;

/// A statement that the next run would send to Trino.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "step": "mart.orders", "trino_table": "lake.marts.orders", "slices": 1, "sql": "merge into \"lake\".\"marts\".\"orders\" as …",
}))]
pub struct PlannedStatement {
    /// The step that would send it.
    pub step: String,
    /// The table that it writes; `null` if it only reads.
    pub trino_table: Option<String>,
    /// How many slices of the keys it is sent for, one after the other. `sql` is that of the first.
    pub slices: i64,
    /// The statement.
    pub sql: String,
}

/// A statement, before its step is known.
pub(super) struct Planned {
    pub(super) table: Option<TableName>,
    pub(super) slices: i64,
    pub(super) sql: String,
}

impl Planned {
    pub(super) fn once(table: &TableName, sql: String) -> Self {
        Self {
            table: Some(table.clone()),
            slices: 1,
            sql,
        }
    }

    pub(super) fn at(self, step: String) -> PlannedStatement {
        PlannedStatement {
            step,
            trino_table: self.table.map(|table| table.to_string()),
            slices: self.slices,
            sql: self.sql,
        }
    }

    pub(super) fn all_at(planned: Vec<Self>, step: &str) -> Vec<PlannedStatement> {
        let planned = planned.into_iter();

        planned.map(|one| one.at(step.to_owned())).collect()
    }
}

/// The step that stages a table.
pub(super) fn stage_step(target: Target<'_>) -> String {
    format!("stage.{}", target.table.id.name)
}
