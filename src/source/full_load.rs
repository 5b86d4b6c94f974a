//! A table's full load: all its rows, by ranges of its key, a batch each. An interruption costs one range, not the load.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::polled_table::PolledTable;
use super::session::Session;
use crate::error::Result;
use crate::sql::render;

/// A full load that is under way.
///
/// Rows that change while it goes on are read again after it: increments begin at the bound of its first range. A row that keeps its key
/// is in one range, so none is left out and none comes twice.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct FullLoad {
    /// The columns by which ranges follow each other, each with its type.
    #[serde(default)]
    pub(super) columns: Option<Vec<String>>,
    /// The key up to which rows have been loaded, as texts; none before the first range.
    pub(super) after: Option<Vec<String>>,
    /// Whether the table was loaded before: what vanished since is looked for once this is over.
    #[serde(default)]
    pub(super) is_again: bool,
}

impl FullLoad {
    /// The load as it goes on by a key: from the begin where it was by another.
    pub(super) fn by(self, key: Option<&[String]>) -> Self {
        let is_same = self.columns.as_deref() == key;

        Self {
            after: self.after.filter(|_| is_same),
            ..self
        }
    }
}

impl PolledTable<'_> {
    /// The last key of the next range; none where what is left is one range, or where the table has no unique key that is never null.
    pub(super) async fn range_end(
        &self,
        session: &Session<'_>,
        load: &FullLoad,
    ) -> Result<Option<Vec<String>>> {
        let Some(columns) = &self.catalogue.range_key else {
            return Ok(None);
        };
        let mut query = self.names();
        query["bounds"] = json!({"columns": columns, "after": load.after, "upto": null});
        query["rows"] = session.range_rows.saturating_sub(1).into();
        let rows = session
            .client
            .query(&render("source/range_end.sql", query)?, &[])
            .await
            .map_err(|cause| session.refused(cause))?;

        // The last row of the range, and one that is left.
        Ok((rows.len() > 1).then(|| rows[0].get(0)))
    }
}
