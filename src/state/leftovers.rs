//! Leftovers: what is held of tables and models that no definition declares any more.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Store;
use super::queries::Queries;
use super::rows::{from_row, text_column};
use super::sql::sql;
use crate::error::Result;
use crate::pipeline::{SourceTable, TableId};

/// Whether a definition declared the leftover as a table or as a model.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// A tracked table.
    Table,
    /// A SQL model.
    Model,
}

text_column!(LeftoverKind {
    Table = "table",
    Model = "model",
});

/// A table or model that the state database knows, declared or not.
#[derive(Debug, Clone)]
pub struct Held {
    pub pipeline: String,
    pub name: String,
    pub kind: LeftoverKind,
}

from_row!(Held {
    pipeline,
    name,
    kind
});

struct LastPublication {
    pipeline: String,
    name: String,
    published_at: Option<Timestamp>,
}

from_row!(LastPublication {
    pipeline,
    name,
    published_at
});

/// A table or view of Trino that runs of a pipeline wrote.
#[derive(Debug, Clone)]
pub struct WrittenTable {
    pub pipeline: String,
    /// Its name in Trino.
    pub target: String,
    /// The step of the first statement.
    pub first_step: String,
    /// The step of the last statement that did not only rewrite files.
    pub last_step: String,
    /// Whether that statement has succeeded.
    pub has_succeeded: bool,
    /// The number of that statement.
    pub last_statement: i64,
}

from_row!(WrittenTable {
    pipeline,
    target,
    first_step,
    last_step,
    has_succeeded,
    last_statement,
});

struct TakenOver {
    target: String,
    pipeline: String,
}

from_row!(TakenOver { target, pipeline });

/// What is held of a table in the tables that it shares with others.
#[derive(Debug, Clone)]
pub struct HeldTable {
    /// The source table that it was made from; empty if nothing is held.
    pub origin: String,
    pub rejects: i64,
    /// The events in the landing table.
    pub landed: i64,
    /// Whether another table that is held comes from the same events.
    pub shares_events: bool,
}

from_row!(HeldTable {
    origin,
    rejects,
    landed,
    shares_events
});

/// What the state database forgets when nothing of a leftover is left in Trino.
#[derive(Debug)]
pub struct EndedDeletion<'a> {
    pub id: &'a TableId,
    pub kind: LeftoverKind,
    /// The source table whose events were deleted.
    pub source: Option<&'a SourceTable>,
    /// Whether nothing else of its pipeline is held, and the pipeline was removed.
    pub is_last: bool,
}

impl Store {
    /// Lists the tables and models that are known, declared or not, sorted by pipeline and name.
    pub async fn held(&self) -> Result<Vec<Held>> {
        self.rows(sql!(leftovers::list_held), &[]).await
    }

    /// When the rows of some tables and models changed last.
    pub async fn last_publications(&self, ids: &[&TableId]) -> Result<HashMap<TableId, Timestamp>> {
        let (pipelines, names) = TableId::columns(ids);
        let rows: Vec<LastPublication> = self
            .rows(sql!(leftovers::last_publications), &[&pipelines, &names])
            .await?;

        Ok(rows
            .into_iter()
            .filter_map(|row| Some((TableId::new(&row.pipeline, &row.name), row.published_at?)))
            .collect())
    }

    /// Lists the tables and views of Trino that runs of some pipelines wrote.
    pub async fn written_tables(&self, pipelines: &[&str]) -> Result<Vec<WrittenTable>> {
        self.rows(sql!(leftovers::written_tables), &[&pipelines])
            .await
    }

    /// Finds those of some tables of Trino that a run of another pipeline wrote later, with that pipeline.
    pub async fn taken_over(
        &self,
        pipeline: &str,
        targets: &[String],
    ) -> Result<HashMap<String, String>> {
        let rows: Vec<TakenOver> = self
            .rows(sql!(leftovers::taken_over), &[&pipeline, &targets])
            .await?;

        Ok(rows
            .into_iter()
            .map(|row| (row.target, row.pipeline))
            .collect())
    }

    /// Whether runs of a pipeline sent one of these statements of Trino to one of these tables.
    pub async fn has_sent(
        &self,
        pipeline: &str,
        targets: &[String],
        query_ids: &[String],
    ) -> Result<bool> {
        self.value(
            sql!(leftovers::has_sent),
            &[&pipeline, &targets, &query_ids],
        )
        .await
    }

    /// Whether a run of a pipeline made a view of this name.
    pub async fn has_made_view(&self, pipeline: &str, target: &str) -> Result<bool> {
        self.value(sql!(leftovers::has_made_view), &[&pipeline, &target])
            .await
    }

    /// Reads the source table that a table was made from; `None` if the table is not known.
    pub async fn origin(&self, TableId { pipeline, name }: &TableId) -> Result<Option<String>> {
        self.value_opt(sql!(leftovers::origin), &[pipeline, name])
            .await
    }

    /// Reads what a table's deletion needs to know of it; `None` if the table is not known.
    pub async fn held_table(
        &self,
        TableId { pipeline, name }: &TableId,
        source: &SourceTable,
    ) -> Result<Option<HeldTable>> {
        self.row_opt(
            sql!(leftovers::held_table),
            &[pipeline, name, &source.schema, &source.name],
        )
        .await
    }

    /// Whether a pipeline holds only this table or model.
    pub async fn is_last_held(
        &self,
        TableId { pipeline, name }: &TableId,
        kind: LeftoverKind,
    ) -> Result<bool> {
        self.value(sql!(leftovers::is_last), &[pipeline, name, &kind.as_str()])
            .await
    }

    /// Counts the rows of the state database that are about a table or model.
    pub async fn state_rows(
        &self,
        TableId { pipeline, name }: &TableId,
        kind: LeftoverKind,
    ) -> Result<i64> {
        self.value(
            sql!(leftovers::count_rows),
            &[pipeline, name, &kind.as_str()],
        )
        .await
    }

    /// Finds a run of a pipeline, other than a deletion, that counts as executed.
    pub async fn active_run(&self, pipeline: &str) -> Result<Option<Uuid>> {
        self.value_opt(sql!(leftovers::active_run), &[&pipeline])
            .await
    }

    /// Finds the run that a key led to.
    pub async fn run_of_key(
        &self,
        pipeline: &str,
        key: &str,
        kept: Duration,
    ) -> Result<Option<Uuid>> {
        self.value_opt(
            sql!(leftovers::run_of_key),
            &[&pipeline, &key, &kept.as_secs_f64()],
        )
        .await
    }

    /// Notes that the tables of a model are about to be dropped: nobody knows what they hold, and no row changes are told.
    pub async fn begin_model_deletion(&self, TableId { pipeline, name }: &TableId) -> Result<()> {
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        for statement in [
            sql!(models::forget_reading),
            sql!(leftovers::forget_model_publications),
        ] {
            transaction.execute(statement, &[pipeline, name]).await?;
        }

        transaction.commit().await
    }

    /// Forgets a table or model of which nothing is left in Trino. What runs did and changed stays.
    pub async fn end_deletion(&self, ended: &EndedDeletion<'_>) -> Result<()> {
        let TableId { pipeline, name } = ended.id;
        let is_model = ended.kind == LeftoverKind::Model;
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        if let Some(SourceTable { schema, name }) = ended.source {
            transaction
                .execute(sql!(resets::forget_events), &[pipeline, schema, name])
                .await?;
        }
        transaction
            .execute(
                sql!(leftovers::forget_consumers),
                &[pipeline, name, &is_model],
            )
            .await?;
        let of_kind: &[&str] = match ended.kind {
            LeftoverKind::Table => &[
                sql!(resets::forget_publications),
                sql!(resets::forget_builds),
                sql!(leftovers::forget_table),
            ],
            LeftoverKind::Model => &[
                sql!(leftovers::forget_model_publications),
                sql!(leftovers::forget_model),
            ],
        };
        for statement in [sql!(leftovers::forget_freshness)].iter().chain(of_kind) {
            transaction.execute(statement, &[pipeline, name]).await?;
        }
        if ended.is_last {
            for statement in [
                sql!(leftovers::forget_cursor),
                sql!(leftovers::forget_batches),
                sql!(leftovers::forget_all_events),
                sql!(leftovers::forget_all_files),
                sql!(leftovers::forget_schedule),
            ] {
                transaction.execute(statement, &[pipeline]).await?;
            }
        }

        transaction.commit().await
    }
}
