//! Changes: what runs did to rows, events and versions, per run and over time.

use jiff::Timestamp;
use uuid::Uuid;

use super::Store;
use super::queries::Queries;
use super::rows::{FromRow, from_row};
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
    /// Only of this table or model, by its name in the API.
    pub table: Option<String>,
    pub since: Timestamp,
    /// Exclusive.
    pub until: Timestamp,
    pub run: Option<Uuid>,
    /// The most sums.
    pub limit: i64,
}

/// A sum of changes.
#[derive(Debug, Clone)]
pub struct ChangeRecord {
    /// The table's name in the API.
    pub table: String,
    /// The run's id, or the start of the hour or day.
    pub period: String,
    /// When the first of them was published.
    pub changed_at: Timestamp,
    pub published: Published,
    pub staged: Staged,
    pub versions: Versions,
}

from_row!(ChangeRecord {
    table,
    period,
    changed_at,
    published: row,
    staged: row,
    versions: row
});

/// A sum of what refreshes changed in a model.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ModelChange, example = json!({
    "model": "shop.daily_revenue", "period": "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60", "changed_at": "2026-01-01T12:00:03Z",
    "refreshes": 1, "full_refreshes": 0, "inserted": 1, "updated": 2, "deleted": 0,
}))]
pub struct ModelChangeRecord {
    /// The model's name in the API.
    pub model: String,
    /// The run's id, or the start of the hour or day.
    pub period: String,
    /// When the first refresh ended.
    pub changed_at: Timestamp,
    /// Refreshes that computed rows.
    pub refreshes: i64,
    /// Refreshes that replaced all rows. Their rows are not in the counts.
    pub full_refreshes: i64,
    /// Rows that incremental refreshes inserted.
    pub inserted: i64,
    /// Rows that incremental refreshes updated.
    pub updated: i64,
    /// Rows that incremental refreshes deleted.
    pub deleted: i64,
}

from_row!(ModelChangeRecord {
    model,
    period,
    changed_at,
    refreshes,
    full_refreshes,
    inserted,
    updated,
    deleted,
});

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
    /// Sums changes of tables, newest first.
    pub async fn changes(&self, which: &ChangeQuery, by: Period) -> Result<Vec<ChangeRecord>> {
        self.sums(sql!(changes::sum_changes), which, by).await
    }

    /// As [`Store::changes`], of models.
    pub async fn model_changes(
        &self,
        which: &ChangeQuery,
        by: Period,
    ) -> Result<Vec<ModelChangeRecord>> {
        self.sums(sql!(changes::sum_model_changes), which, by).await
    }

    async fn sums<T: FromRow>(
        &self,
        statement: &str,
        which: &ChangeQuery,
        by: Period,
    ) -> Result<Vec<T>> {
        let ChangeQuery {
            table,
            since,
            until,
            run,
            limit,
        } = which;

        self.rows(statement, &[table, since, until, run, limit, &by.as_str()])
            .await
    }
}
