//! Changes: what runs did to rows, events and versions, per run and over time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Store;
use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use crate::error::Result;

/// What one publication changed in a table's current rows, and where every event that it took from the typed log ended.
///
/// `published = truncates + late + superseded + delete_without_row + unchanged + applied`, and
/// `applied = inserted + updated + deleted`; rows that truncates deleted are counted apart.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
pub struct Published {
    /// Rows inserted.
    pub inserted: i64,
    /// Rows updated.
    pub updated: i64,
    /// Rows deleted.
    pub deleted: i64,
    /// Staged events that it took up.
    pub published: i64,
    /// Events older than the row that they are for.
    pub late: i64,
    /// Events that a later event of the same batches replaced.
    pub superseded: i64,
    /// Deletes of rows that did not exist.
    pub delete_without_row: i64,
    /// Events that left their row as it was.
    pub unchanged: i64,
    /// Truncates.
    pub truncates: i64,
    /// Rows that truncates deleted.
    pub truncated: i64,
}

impl Published {
    /// Checks the sums above.
    ///
    /// # Errors
    ///
    /// A sentence with the numbers of the sum that does not hold.
    pub fn check(&self) -> Result<(), String> {
        let applied = self.inserted + self.updated + self.deleted;
        let places = [
            ("truncates", self.truncates),
            ("late", self.late),
            ("superseded", self.superseded),
            ("delete_without_row", self.delete_without_row),
            ("unchanged", self.unchanged),
            ("applied", applied),
        ];
        let sum: i64 = places.iter().map(|(_, count)| count).sum();
        let is_whole = places.iter().all(|(_, count)| *count >= 0)
            && [self.inserted, self.updated, self.deleted, self.truncated]
                .iter()
                .all(|count| *count >= 0);
        if is_whole && sum == self.published {
            return Ok(());
        }
        let told: Vec<String> = places
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();

        Err(format!(
            "{} events were to be published, but they ended as {} (inserted {}, updated {}, deleted {}, truncated {})",
            self.published,
            told.join(", "),
            self.inserted,
            self.updated,
            self.deleted,
            self.truncated
        ))
    }
}

/// What a publication changed in a table's history. Key and begin identify a version.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
pub struct Versions {
    /// Versions added.
    pub versions_opened: i64,
    /// Open versions that were closed.
    pub versions_closed: i64,
    /// Closed versions that end earlier now, because of a late event in between.
    pub versions_split: i64,
    /// Versions that changed in another way: a later end, no end any more, other values.
    pub versions_changed: i64,
    /// Versions that late events removed.
    pub versions_removed: i64,
}

/// Where the events of a window ended in staging; `read = rejected + duplicate + staged`.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
pub struct Staged {
    /// Events of the table that landed.
    pub read: i64,
    /// Events that were rejected.
    pub rejected: i64,
    /// Events that were in the typed log before.
    pub duplicate: i64,
    /// Events added to the typed log.
    pub staged: i64,
}

from_row!(Published {
    inserted,
    updated,
    deleted,
    published,
    late,
    superseded,
    delete_without_row,
    unchanged,
    truncates,
    truncated,
});

from_row!(Versions {
    versions_opened,
    versions_closed,
    versions_split,
    versions_changed,
    versions_removed,
});

from_row!(Staged {
    read,
    rejected,
    duplicate,
    staged,
});

/// What changes are summed by. Hours and days are in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Run,
    Hour,
    Day,
}

/// Which changes to sum.
#[derive(Debug, Clone)]
pub struct ChangeQuery {
    pub pipeline: Option<String>,
    /// Only those of these pipelines.
    pub pipelines: Option<Vec<String>>,
    /// Only those of this table, by its name in the pipeline.
    pub table: Option<String>,
    /// Only those of this model, by its name in the pipeline.
    pub model: Option<String>,
    pub since: Option<Timestamp>,
    /// Exclusive.
    pub until: Option<Timestamp>,
    pub run: Option<Uuid>,
    pub by: Period,
    /// Only sums after this one.
    pub after: Option<ChangePlace>,
    /// The most sums.
    pub limit: i64,
}

/// Where a sum is in the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangePlace {
    pub listed_at: Timestamp,
    /// The name of the table or model in the API.
    pub name: String,
    pub run: Option<Uuid>,
}

/// The changes of a table or model in a run, an hour or a day, and the outcome of every event.
///
/// `read = rejected + duplicate + staged`; `published = truncates + late + superseded + delete_without_row + unchanged + inserted +
/// updated + deleted`. A run publishes what it stages; if it fails in between, a later run does.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = Change, example = json!({
    "pipeline": "shop", "table": "shop.orders", "model": null, "run_id": "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60", "period_start_at": null,
    "changed_at": "2026-01-01T12:00:02.000000Z",
    "inserted": 70, "updated": 200, "deleted": 15, "published": 300, "late": 2, "superseded": 8, "delete_without_row": 1, "unchanged": 4,
    "truncates": 0, "truncated": 0, "read": 302, "rejected": 1, "duplicate": 1, "staged": 300,
    "versions_opened": 272, "versions_closed": 284, "versions_split": 1, "versions_changed": 0, "versions_removed": 0,
    "refreshes": null, "full_refreshes": null,
}))]
pub struct ChangeRecord {
    /// The pipeline.
    pub pipeline: String,
    /// The table; `null` for a model.
    pub table: Option<String>,
    /// The model; `null` for a table.
    pub model: Option<String>,
    /// The run, with `by=run`.
    pub run_id: Option<Uuid>,
    /// The start of the hour or day, with `by=hour` and `by=day`.
    #[serde(serialize_with = "crate::time::exact")]
    pub period_start_at: Option<Timestamp>,
    /// When the first of the changes was published.
    #[serde(serialize_with = "crate::time::exact")]
    pub changed_at: Timestamp,
    /// Rows inserted; of a model, by incremental refreshes.
    pub inserted: i64,
    /// Rows updated.
    pub updated: i64,
    /// Rows deleted.
    pub deleted: i64,
    /// Staged events that were taken up. This count and those below are `null` for a model, up to `versions_removed`.
    pub published: Option<i64>,
    /// Events older than the row that they are for.
    pub late: Option<i64>,
    /// Events that a later event of the same batches replaced.
    pub superseded: Option<i64>,
    /// Deletes of rows that did not exist.
    pub delete_without_row: Option<i64>,
    /// Events that left their row as it was.
    pub unchanged: Option<i64>,
    /// Truncates.
    pub truncates: Option<i64>,
    /// Rows that truncates deleted.
    pub truncated: Option<i64>,
    /// Events of the table that landed.
    pub read: Option<i64>,
    /// Events that were rejected.
    pub rejected: Option<i64>,
    /// Events that were in the typed log before.
    pub duplicate: Option<i64>,
    /// Events added to the typed log.
    pub staged: Option<i64>,
    /// Versions added to the history.
    pub versions_opened: Option<i64>,
    /// Open versions that were closed.
    pub versions_closed: Option<i64>,
    /// Closed versions that end earlier now, because of a late event in between.
    pub versions_split: Option<i64>,
    /// Versions that changed in another way: a later end, no end any more, other values.
    pub versions_changed: Option<i64>,
    /// Versions that late events removed.
    pub versions_removed: Option<i64>,
    /// Refreshes of the model that computed rows; `null` for a table.
    pub refreshes: Option<i64>,
    /// Refreshes that replaced all rows. Their rows are not in the counts.
    pub full_refreshes: Option<i64>,
    #[serde(skip)]
    pub listed_at: Timestamp,
    #[serde(skip)]
    pub name: String,
}

from_row!(ChangeRecord {
    pipeline,
    table,
    model,
    run_id,
    period_start_at,
    changed_at,
    inserted,
    updated,
    deleted,
    published,
    late,
    superseded,
    delete_without_row,
    unchanged,
    truncates,
    truncated,
    read,
    rejected,
    duplicate,
    staged,
    versions_opened,
    versions_closed,
    versions_split,
    versions_changed,
    versions_removed,
    refreshes,
    full_refreshes,
    listed_at,
    name,
});

impl ChangeRecord {
    #[must_use]
    pub fn place(&self) -> ChangePlace {
        ChangePlace {
            listed_at: self.listed_at,
            name: self.name.clone(),
            run: self.run_id,
        }
    }
}

impl Period {
    fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

impl Store {
    /// Sums changes of tables and models, newest first.
    pub async fn changes(&self, which: &ChangeQuery) -> Result<Vec<ChangeRecord>> {
        let ChangeQuery {
            pipeline,
            pipelines,
            table,
            model,
            since,
            until,
            run,
            by,
            after,
            limit,
        } = which;
        let listed_at = after.as_ref().map(|after| after.listed_at);
        let name = after.as_ref().map(|after| &after.name);
        let after_run = after.as_ref().and_then(|after| after.run);

        self.rows(
            sql!(changes::list_changes),
            &[
                pipeline,
                table,
                model,
                since,
                until,
                run,
                &by.as_str(),
                &listed_at,
                &name,
                &after_run,
                limit,
                pipelines,
            ],
        )
        .await
    }
}
