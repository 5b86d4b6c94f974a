//! Whether a table is still the one that its pipeline wrote to: somebody may drop it, and make another one of its name.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::json;

use super::committed::Committed;
use super::publisher::Publisher;
use crate::error::{Error, Result};
use crate::sql::TableName;

/// A row of `marts/snapshots.sql`.
#[derive(Debug, Deserialize)]
pub(super) struct SnapshotRow {
    snapshot: String,
    pub(super) parent: Option<String>,
    pub(super) query_id: Option<String>,
}

impl Publisher<'_> {
    /// Refuses what was committed to a table that somebody made anew: rows may be missing from it. Statements of others, such as
    /// `optimize`, and snapshots that have expired do no harm.
    pub(super) async fn refuse_other_table(
        &self,
        target: &TableName,
        committed: &Committed,
    ) -> Result<()> {
        let Some(parent) = committed.parent.as_ref().filter(|_| !committed.is_whole) else {
            return Ok(());
        };
        let name = target.to_string();
        let Some(last) = self.store.last_snapshot(self.pipeline, &name).await? else {
            return Ok(());
        };
        if last == *parent {
            return Ok(());
        }
        let Some(first) = first_of_another(parent, &last, self.snapshots(target).await?) else {
            return Ok(());
        };
        // Or it is a build of ours that took the name.
        let maker = Vec::from_iter(first.query_id);
        if self.store.has_sent_any(self.pipeline, &maker).await? {
            return Ok(());
        }

        Err(Error::PipelineBroken {
            pipeline: self.pipeline.to_owned(),
            detail: format!(
                "somebody dropped `{target}` and made another table of that name, so rows may be missing: restage a table whose typed log it is, rebuild current rows or a history, refresh a model in full; drop a table of rejects"
            ),
        })
    }

    pub(super) async fn snapshots(&self, table: &TableName) -> Result<Vec<SnapshotRow>> {
        let context = json!({"snapshots": table.metadata("snapshots")});

        self.rows("marts/snapshots.sql", context).await
    }
}

/// The first snapshot of the table with the snapshot `parent`, unless `last` is between them, or one of them has expired.
fn first_of_another(parent: &str, last: &str, snapshots: Vec<SnapshotRow>) -> Option<SnapshotRow> {
    let mut snapshots: HashMap<String, SnapshotRow> = snapshots
        .into_iter()
        .map(|row| (row.snapshot.clone(), row))
        .collect();
    let mut at = parent.to_owned();
    loop {
        if at == last {
            return None;
        }
        let row = snapshots.remove(&at)?;
        match &row.parent {
            Some(before) => at.clone_from(before),
            None => return Some(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(id: &str, parent: Option<&str>) -> SnapshotRow {
        SnapshotRow {
            snapshot: id.to_owned(),
            parent: parent.map(str::to_owned),
            query_id: Some(format!("query of {id}")),
        }
    }

    fn first(parent: &str, last: &str, snapshots: Vec<SnapshotRow>) -> Option<String> {
        first_of_another(parent, last, snapshots).map(|row| row.snapshot)
    }

    #[test]
    fn a_table_is_another_one_if_its_snapshots_do_not_lead_back_to_the_last_of_ours() {
        let history = || vec![snapshot("1", None), snapshot("2", Some("1"))];
        assert_eq!(first("2", "1", history()), None);
        // Somebody compacted it.
        assert_eq!(first("2", "2", history()), None);
        assert_eq!(first("2", "7", history()), Some("1".to_owned()));
        // What came before has expired.
        assert_eq!(first("2", "7", vec![snapshot("2", Some("1"))]), None);
        // `create or replace` keeps the snapshots before it, and begins anew.
        let mut replaced = history();
        replaced.push(snapshot("3", None));
        assert_eq!(first("3", "2", replaced), Some("3".to_owned()));
    }
}
