//! Changes: what became of rows, events and versions, per run and over time.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Store, fault, statement};
use crate::error::Result;

/// What one publication changed in a table's current rows, and what became of every event that it took from the log.
///
/// `published = truncates + late + superseded + delete_without_row + unchanged + applied`, and
/// `applied = inserted + updated + deleted`; rows that truncates deleted are apart.
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
    /// Rows that came.
    pub inserted: i64,
    /// Rows that changed.
    pub updated: i64,
    /// Rows that went.
    pub deleted: i64,
    /// Staged events that it took up.
    pub published: i64,
    /// Events older than what their row had already.
    pub late: i64,
    /// Events that a later one of the same batches won over.
    pub superseded: i64,
    /// Deletes of rows that there were not.
    pub delete_without_row: i64,
    /// Events that left their row as it was.
    pub unchanged: i64,
    /// Truncates.
    pub truncates: i64,
    /// Rows that truncates deleted.
    pub truncated: i64,
}

impl Published {
    /// Says which sum does not hold, where one does not.
    ///
    /// # Errors
    ///
    /// A sentence with the numbers.
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

/// What a publication changed in a table's history; a version is told by its key and its begin.
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
    /// Versions that came.
    pub versions_opened: i64,
    /// Open versions that got their end.
    pub versions_closed: i64,
    /// Versions with an end that got an earlier one, because of a late event in between.
    pub versions_split: i64,
    /// Versions that changed otherwise: a later end, none any more, other values.
    pub versions_changed: i64,
    /// Versions that late events made void.
    pub versions_removed: i64,
}

/// Where the events of a range of batches ended in staging; `read = rejected + duplicate + staged`.
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
    /// Events that could not be taken.
    pub rejected: i64,
    /// Events that were in the log before.
    pub duplicate: i64,
    /// Events in the log.
    pub staged: i64,
}

/// How changes are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Per run.
    Run,
    /// Per hour, UTC.
    Hour,
    /// Per day, UTC.
    Day,
}

/// Which changes to sum.
#[derive(Debug, Clone)]
pub struct ChangeQuery {
    /// Only of this table, by its name in the API.
    pub table: Option<String>,
    /// From this time on.
    pub since: Timestamp,
    /// Up to this time, exclusive.
    pub until: Timestamp,
    /// Only of this run.
    pub run: Option<Uuid>,
    /// At most so many sums.
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
    /// What changed, and what became of the events.
    pub published: Published,
    /// Where the events ended that were staged then.
    pub staged: Staged,
    /// What changed in the history.
    pub versions: Versions,
}

impl Store {
    /// Sums changes, newest first.
    pub async fn changes(&self, which: &ChangeQuery, by: Period) -> Result<Vec<ChangeRecord>> {
        let client = self.client().await?;
        let unit = match by {
            Period::Run | Period::Hour => "hour",
            Period::Day => "day",
        };
        let ChangeQuery {
            table,
            since,
            until,
            run,
            limit,
        } = which;
        let rows = if by == Period::Run {
            client
                .query(
                    statement!("report/changes_by_run.sql"),
                    &[table, since, until, run, limit],
                )
                .await
        } else {
            client
                .query(
                    statement!("report/changes_by_time.sql"),
                    &[table, since, until, run, limit, &unit],
                )
                .await
        };

        Ok(rows
            .map_err(fault)?
            .iter()
            .map(|row| ChangeRecord {
                table: row.get(0),
                period: row.get(1),
                changed_at: row.get(2),
                published: Published {
                    inserted: row.get(3),
                    updated: row.get(4),
                    deleted: row.get(5),
                    published: row.get(6),
                    late: row.get(7),
                    superseded: row.get(8),
                    delete_without_row: row.get(9),
                    unchanged: row.get(10),
                    truncates: row.get(11),
                    truncated: row.get(12),
                },
                staged: Staged {
                    read: row.get(13),
                    rejected: row.get(14),
                    duplicate: row.get(15),
                    staged: row.get(16),
                },
                versions: Versions {
                    versions_opened: row.get(17),
                    versions_closed: row.get(18),
                    versions_split: row.get(19),
                    versions_changed: row.get(20),
                    versions_removed: row.get(21),
                },
            })
            .collect())
    }
}
