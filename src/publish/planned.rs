//! A statement that the next run would send, as the functions that send it write it.

use serde::Serialize;

use crate::sql::TableName;

/// A statement that the next run would send to Trino, or to its source.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "step": "mart.orders", "trino_table": "lake.marts.orders", "slices": 1, "sql": "merge into \"lake\".\"marts\".\"orders\" as …",
    "detail": null,
}))]
pub struct PlannedStatement {
    /// The step that would send it.
    pub step: String,
    /// The table of Trino that it writes; `null` if it only reads.
    pub trino_table: Option<String>,
    /// How many slices of the keys it is sent for, one after the other. `sql` is that of the first.
    pub slices: i64,
    /// The statement.
    pub sql: String,
    /// The part that is known only during the run; `null` if nothing.
    pub detail: Option<String>,
}

/// A statement, before its step is known.
#[derive(Debug)]
pub struct Planned {
    /// The table that it writes; `None` if it only reads.
    pub table: Option<TableName>,
    pub slices: i64,
    pub sql: String,
    /// What of it only the run can know.
    pub detail: Option<String>,
}

impl Planned {
    /// A statement that writes.
    #[must_use]
    pub fn once(table: &TableName, sql: String) -> Self {
        Self {
            table: Some(table.clone()),
            ..Self::reading(sql)
        }
    }

    /// A statement that only reads.
    #[must_use]
    pub fn reading(sql: String) -> Self {
        Self {
            table: None,
            slices: 1,
            sql,
            detail: None,
        }
    }

    /// The same, with what only the run can know of it.
    #[must_use]
    pub fn with_detail(self, detail: Option<String>) -> Self {
        Self { detail, ..self }
    }

    #[must_use]
    pub fn at(self, step: &str) -> PlannedStatement {
        PlannedStatement {
            step: step.to_owned(),
            trino_table: self.table.map(|table| table.to_string()),
            slices: self.slices,
            sql: self.sql,
            detail: self.detail,
        }
    }

    #[must_use]
    pub fn all_at(planned: Vec<Self>, step: &str) -> Vec<PlannedStatement> {
        let planned = planned.into_iter();

        planned.map(|one| one.at(step)).collect()
    }
}
