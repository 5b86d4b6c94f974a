//! Changes: rows inserted, updated and deleted in current tables, per run and over time.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Store, fault, statement};
use crate::error::Result;

/// What one publication changed in a table's current rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Published {
    /// Rows that came.
    pub inserted: i64,
    /// Rows that changed.
    pub updated: i64,
    /// Rows that went.
    pub deleted: i64,
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
pub struct Change {
    /// The table's name in the API.
    pub table: String,
    /// The run's id, or the start of the hour or day.
    pub period: String,
    /// When the first of them was published.
    pub changed_at: Timestamp,
    /// What changed.
    pub published: Published,
}

impl Store {
    /// Sums changes, newest first.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn changes(&self, which: &ChangeQuery, by: Period) -> Result<Vec<Change>> {
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
            .map(|row| Change {
                table: row.get(0),
                period: row.get(1),
                changed_at: row.get(2),
                published: Published {
                    inserted: row.get(3),
                    updated: row.get(4),
                    deleted: row.get(5),
                },
            })
            .collect())
    }
}
