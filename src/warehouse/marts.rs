//! From the typed log to current rows and history: one commit for each table, over the keys that the batches touched.

use super::comparison::{Compared, RowChanges};
use super::remake::Remake;
use super::{Refresh, Scope, Target, ledger, schema};
use crate::error::Result;
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

/// What one `MERGE` of a history changed, and what that means for the current rows, which are a view of it.
#[derive(Debug, Default)]
pub struct RowsAndVersions {
    pub rows: Published,
    pub versions: Versions,
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
    compared: Compared,
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
        compared: Compared::Current,
    };
    let Made {
        refresh,
        rows,
        statements,
    } = mart.make(target, refresh).await?;

    Ok(Merged {
        counts: published(target, &refresh, rows, &statements).await?,
        statements,
        is_remade: refresh.scope == Scope::Everything,
    })
}

/// Brings the versions to what the events say. Doing it twice changes nothing.
pub async fn merge_history(target: Target<'_>, refresh: &Refresh) -> Result<Merged<Versions>> {
    if refresh.has_nothing_to_do() {
        return Ok(Merged::default());
    }
    let Made {
        refresh,
        rows,
        statements,
    } = MartStatements::of_history(target)
        .make(target, refresh)
        .await?;
    let counts = ledger::versions(target, &refresh, rows, &statements).await?;

    Ok(Merged {
        counts,
        statements,
        is_remade: refresh.scope == Scope::Everything,
    })
}

/// As [`merge_history`], where the current rows are a view of the history: counts their changes, too.
pub async fn merge_both(target: Target<'_>, refresh: &Refresh) -> Result<Merged<RowsAndVersions>> {
    if refresh.has_nothing_to_do() {
        return Ok(Merged::default());
    }
    let Made {
        refresh,
        rows,
        statements,
    } = MartStatements::of_history(target)
        .make(target, refresh)
        .await?;
    let versions = ledger::versions(target, &refresh, rows, &statements).await?;
    let open = Compared::Open.count(target, &refresh, &statements).await?;
    let is_remade = refresh.scope == Scope::Everything;
    if is_remade {
        schema::show_open_versions(target).await?;
    }

    Ok(Merged {
        counts: RowsAndVersions {
            rows: published(target, &refresh, open, &statements).await?,
            versions,
        },
        statements,
        is_remade,
    })
}

/// What changed in the current rows, as they are counted.
async fn published(
    target: Target<'_>,
    refresh: &Refresh,
    rows: RowChanges,
    statements: &[Committed],
) -> Result<Published> {
    if refresh.is_republish {
        // The events of a republication were counted before. After a remake of the typed log, no event explains why a row
        // left.
        return Ok(Published {
            inserted: rows.inserted,
            updated: rows.updated,
            deleted: rows.deleted,
            ..Published::default()
        });
    }

    ledger::balance(target, refresh, rows, statements).await
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
    fn of_history(target: Target<'_>) -> Self {
        Self {
            layer: Layer::History,
            table: target.history(),
            merge: "marts/merge_history.sql",
            compared: Compared::History,
        }
    }

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
            None => self.compared.count(target, &refresh, &statements).await?,
        };

        Ok(Made {
            refresh,
            rows,
            statements,
        })
    }

    async fn remake(&self, target: Target<'_>, refresh: &Refresh) -> Result<Committed> {
        let remake = remake_of(target, self.layer, refresh);
        if self.layer == Layer::Current && refresh.is_history_complete {
            let take = render("marts/take_current.sql", target.context())?;
            return remake.make_by(&take).await;
        }

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
}
