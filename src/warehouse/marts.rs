//! From the typed log to current rows and history: one commit for each table, over the keys that the batches touched.

use super::comparison::{Comparison, Ended, RowChanges};
use super::remake::Remake;
use super::{Refresh, Scope, Target, ledger};
use crate::error::{Error, Result};
use crate::pipeline::Column;
use crate::publish::Committed;
use crate::sql::{TableName, render};
use crate::state::{Layer, Published, Versions};

/// What a merge changed, checked against what Trino committed.
///
/// The caller records the ends of its statements together with the counts. If the service is killed before that, the
/// next attempt finds the statements open and counts them again.
#[derive(Debug, Default)]
pub struct Merged<T> {
    pub counts: T,
    pub statements: Vec<Committed>,
    /// Whether the table was made whole, so that it has no comments.
    pub is_remade: bool,
}

/// The changes of a mart, and the refresh that made them. If one `MERGE` needed too much memory, that refresh covers the whole
/// table.
struct Made {
    refresh: Refresh,
    rows: RowChanges,
    statements: Vec<Committed>,
}

/// One mart of a tracked table, and the statement that merges batches into it.
struct MartStatements {
    layer: Layer,
    table: TableName,
    merge: &'static str,
}

/// Brings the current rows to what the events say. Doing it twice changes nothing.
pub async fn merge_current(target: Target<'_>, refresh: &Refresh) -> Result<Merged<Published>> {
    if refresh.has_nothing_to_do() {
        return Ok(Merged::default());
    }
    let mart = MartStatements {
        layer: Layer::Current,
        table: target.current(),
        merge: "marts/merge_current.sql",
    };
    let Made {
        refresh,
        rows,
        statements,
    } = mart.make(target, refresh).await?;
    let counts = if refresh.is_republish {
        // The events of a republication were counted before. After a remake of the typed log, no event explains why a row
        // left.
        Published {
            inserted: rows.inserted,
            updated: rows.updated,
            deleted: rows.deleted,
            ..Published::default()
        }
    } else {
        ledger::balance(target, &refresh, rows, &statements).await?
    };

    Ok(Merged {
        counts,
        statements,
        is_remade: refresh.scope == Scope::Everything,
    })
}

/// Brings the versions to what the events say. Doing it twice changes nothing.
pub async fn merge_history(target: Target<'_>, refresh: &Refresh) -> Result<Merged<Versions>> {
    if refresh.has_nothing_to_do() {
        return Ok(Merged::default());
    }
    let mart = MartStatements {
        layer: Layer::History,
        table: target.history(),
        merge: "marts/merge_history.sql",
    };
    let Made {
        refresh,
        rows,
        statements,
    } = mart.make(target, refresh).await?;
    let counts = ledger::versions(target, &refresh, rows, &statements).await?;

    Ok(Merged {
        counts,
        statements,
        is_remade: refresh.scope == Scope::Everything,
    })
}

/// The remake of a mart from the whole typed log.
pub(super) fn remake_of<'a>(target: Target<'a>, layer: Layer, refresh: &Refresh) -> Remake<'a> {
    Remake {
        target,
        layer,
        slices_by_key: true,
        is_first: refresh.window.after_batch == 0 && !refresh.is_republish,
        upto_batch: refresh.window.upto_batch,
        all_events: refresh.events(),
        events: refresh.events(),
    }
}

impl MartStatements {
    /// Resolves lost statements, then merges or remakes the table.
    async fn make(&self, target: Target<'_>, refresh: &Refresh) -> Result<Made> {
        let mut refresh = refresh.clone();
        let mut statements = target.publisher.resolve_unrecorded(&self.table).await?;
        let committed = match refresh.scope {
            Scope::Everything => self.remake(target, &refresh).await?,
            _ => match self.merge(target, &refresh, &statements).await {
                Err(error) if error.is_out_of_memory() && refresh.scope.is_of_batches() => {
                    tracing::info!(table = %self.table, "the batches are too much for one statement, so the table is built again");
                    refresh = refresh.widened(target).await?;
                    self.remake(target, &refresh).await?
                }
                merged => merged?,
            },
        };
        statements.push(committed);
        let counted = match &statements[..] {
            [only] if refresh.scope != Scope::Everything || only.rows_before == 0 => {
                RowChanges::of(only)
            }
            _ => None,
        };
        let rows = match counted {
            Some(rows) => rows,
            // Compares from before the first statement to after the last. A row that was inserted and then updated
            // counts as inserted.
            None => self.compare(target, &refresh, &statements).await?,
        };

        Ok(Made {
            refresh,
            rows,
            statements,
        })
    }

    async fn remake(&self, target: Target<'_>, refresh: &Refresh) -> Result<Committed> {
        let remake = remake_of(target, self.layer, refresh);

        remake
            .make(&|slice| refresh.context(target).sliced(slice))
            .await
    }

    /// Merges the batches. `lost` are statements of earlier attempts, which may have merged these batches: the table then no
    /// longer shows what was before them.
    async fn merge(
        &self,
        target: Target<'_>,
        refresh: &Refresh,
        lost: &[Committed],
    ) -> Result<Committed> {
        let mut refresh = refresh.clone();
        if !lost.is_empty() && refresh.scope == Scope::NewBatches {
            refresh.scope = Scope::TouchedKeys;
        }
        let merge = render(self.merge, refresh.context(target))?;

        target.publisher.merge_unrecorded(&self.table, &merge).await
    }

    /// Counts by comparing the snapshots before and after, if Trino's answer was lost or the table was remade.
    async fn compare(
        &self,
        target: Target<'_>,
        refresh: &Refresh,
        statements: &[Committed],
    ) -> Result<RowChanges> {
        let values = target.columns.iter().filter(|column| !column.is_key);
        let mut values: Vec<Column> = values.cloned().collect();
        if self.table == target.history() {
            values.extend(["valid_to", "is_deleted", "_event_id"].map(Column::technical));
        } else if refresh.scope != Scope::Everything {
            // A row that changed and changed back was written, too.
            values.push(Column::technical("_event_id"));
        }
        let mut comparison = Comparison {
            table: &self.table,
            values: &values,
            only_touched: false,
        };
        let mut rows = comparison.count(target, refresh, statements).await;
        // The table had other columns before. A row counts as changed if another event made it.
        let event_id = [Column::technical("_event_id")];
        if matches!(&rows, Err(Error::Trino(failure)) if failure.class == "USER_ERROR") {
            comparison.values = &event_id;
            rows = comparison.count(target, refresh, statements).await;
        }
        match rows {
            // The table had another key, so no row is the same as before.
            Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => Ok(RowChanges {
                inserted: statements.last().map_or(0, |made| made.added),
                deleted: statements.first().map_or(0, |made| made.rows_before),
                ended: Some(Ended::default()),
                ..RowChanges::default()
            }),
            rows => rows,
        }
    }
}
