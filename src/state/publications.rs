//! Publications that changed rows of a table or model: the Iceberg snapshots between which row changes are found.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Store;
use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use crate::error::Result;
use crate::pipeline::TableId;

/// A publication, as it is kept.
#[derive(Debug, Clone)]
pub struct KeptPublication {
    /// Rises within a table or model.
    pub id: i64,
    /// The Iceberg snapshot with the rows.
    pub snapshot: String,
    /// The snapshot that it changed, with the rows of the publication before.
    pub snapshot_before: Option<String>,
    /// Whether the rows are the open versions of the history at that snapshot.
    pub of_history: bool,
    /// The last batch in it, for tables.
    pub batch_id: Option<i64>,
    /// The refresh that made it, for models.
    pub refresh_id: Option<i64>,
    pub published_at: Timestamp,
    pub columns: Vec<PublishedColumn>,
}

from_row!(KeptPublication {
    id,
    snapshot,
    snapshot_before,
    of_history,
    batch_id,
    refresh_id,
    published_at,
    columns: json,
});

/// A column of published rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedColumn {
    pub name: String,
    /// The type in Trino.
    pub data_type: String,
    pub is_key: bool,
}

impl Store {
    /// Finds the last publication of a table or model; `None` before the first.
    pub async fn newest_publication(
        &self,
        TableId { pipeline, name }: &TableId,
    ) -> Result<Option<KeptPublication>> {
        self.row_opt(sql!(publications::newest_publication), &[&pipeline, &name])
            .await
    }

    /// Finds a publication of a table or model by its id.
    pub async fn publication(
        &self,
        TableId { pipeline, name }: &TableId,
        id: i64,
    ) -> Result<Option<KeptPublication>> {
        self.row_opt(
            sql!(publications::find_publication),
            &[&pipeline, &name, &id],
        )
        .await
    }

    /// Finds the publication that follows the one with this id.
    pub async fn next_publication(
        &self,
        TableId { pipeline, name }: &TableId,
        id: i64,
    ) -> Result<Option<KeptPublication>> {
        self.row_opt(
            sql!(publications::next_publication),
            &[&pipeline, &name, &id],
        )
        .await
    }

    /// Whether each row of a table that changed after a publication has an event in the typed log, in a batch after it.
    pub async fn changed_by_batches(
        &self,
        TableId { pipeline, name }: &TableId,
        after: i64,
    ) -> Result<bool> {
        self.value(
            sql!(publications::changed_by_batches),
            &[&pipeline, &name, &after],
        )
        .await
    }
}
