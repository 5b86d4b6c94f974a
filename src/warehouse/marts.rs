//! From the typed log to current rows and history: one commit for each table, over the keys that the batches touched.

use std::future::ready;

use super::comparison::{Compared, RowChanges};
use super::remake::Remake;
use super::{Refresh, Scope, Target, ledger, properties, schema};
use crate::error::Result;
use crate::pipeline::{Mart, Marts};
use crate::publish::{Committed, Planned, PlannedStatement};
use crate::sql::{TableName, render};
use crate::state::{Changed, Layer, Published};

/// What a publication changed, checked against what Trino committed.
///
/// The caller records the ends of its statements together with the counts. If the service is killed before that, the
/// next attempt finds the statements open and counts them again.
#[derive(Debug)]
pub struct Merged {
    pub changed: Changed,
    pub statements: Vec<Committed>,
    /// Whether the table was made whole, so that it has no comments.
    pub is_remade: bool,
    /// Whether only keys of the new batches can have changed.
    pub is_of_batches: bool,
}

/// The changes of a mart, and the refresh that made them. If one `MERGE` needed too much memory, that refresh covers the whole
/// table.
struct Made {
    refresh: Refresh,
    rows: RowChanges,
    statements: Vec<Committed>,
    /// Lost statements whose changes belong to no batch.
    repaired: Vec<Committed>,
}

/// One mart of a tracked table, and the statement that merges batches into it.
struct MartStatements {
    layer: Layer,
    table: TableName,
    merge: &'static str,
    compared: Compared,
}

/// Brings a mart to what the events say. Doing it twice changes nothing.
pub async fn merge(target: Target<'_>, refresh: &Refresh, mart: Mart) -> Result<Merged> {
    if refresh.has_nothing_to_do() {
        if mart == Mart::HistoryWithView && refresh.scope == Scope::Everything {
            schema::show_open_versions(target).await?;
        }
        return Ok(Merged {
            changed: Changed::nothing(mart),
            statements: Vec::new(),
            is_remade: false,
            is_of_batches: true,
        });
    }
    let Made {
        refresh,
        rows,
        statements,
        repaired,
    } = MartStatements::of(target, mart)
        .make(target, refresh)
        .await
        .map_err(|error| properties::told(target, error))?;
    let changed = match mart {
        Mart::Current => Changed {
            rows: Some(published(target, &refresh, ready(Ok(rows)), &statements).await?),
            versions: None,
        },
        Mart::History => Changed {
            rows: None,
            versions: Some(ledger::versions(target, &refresh, rows, &statements).await?),
        },
        Mart::HistoryWithView => {
            let open = Compared::Open.count(target, &refresh, &statements);
            let (rows, versions) = tokio::try_join!(
                published(target, &refresh, open, &statements),
                ledger::versions(target, &refresh, rows, &statements),
            )?;
            Changed {
                rows: Some(rows),
                versions: Some(versions),
            }
        }
    };

    // A truncate has no key.
    let is_of_batches = refresh.scope.is_of_batches()
        && !refresh.is_republish
        && refresh.landed.summary.truncates == 0
        && repaired.is_empty();

    Ok(Merged {
        changed,
        statements: [repaired, statements].concat(),
        is_remade: refresh.scope == Scope::Everything,
        is_of_batches,
    })
}

/// The statements that would bring a mart to what the events say.
pub async fn planned_mart(
    target: Target<'_>,
    refresh: &Refresh,
    mart: Mart,
) -> Result<Vec<PlannedStatement>> {
    let statements = MartStatements::of(target, mart);
    let planned = statements.planned(target, refresh).await?;

    Ok(Planned::all_at(planned, &mart.step(&target.table.id.name)))
}

/// Counts the changes of current rows. A publication of new batches also counts the outcome of each event.
async fn published(
    target: Target<'_>,
    refresh: &Refresh,
    rows: impl Future<Output = Result<RowChanges>>,
    statements: &[Committed],
) -> Result<Published> {
    if refresh.is_republish {
        let rows = rows.await?;
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
    fn of(target: Target<'_>, mart: Mart) -> Self {
        match mart {
            Mart::Current => Self {
                layer: Layer::Current,
                table: target.current(),
                merge: "marts/merge_current.sql",
                compared: Compared::Current,
            },
            Mart::History | Mart::HistoryWithView => Self {
                layer: Layer::History,
                table: target.history(),
                merge: "marts/merge_history.sql",
                compared: Compared::History,
            },
        }
    }

    /// Resolves lost statements, then merges or remakes the table.
    async fn make(&self, target: Target<'_>, refresh: &Refresh) -> Result<Made> {
        let mut refresh = refresh.clone();
        let lost = target.publisher.resolve_unrecorded(&self.table).await?;
        let may_be_merged = !(lost.published.is_empty() && lost.repaired.is_empty());
        let mut statements = lost.published;
        let committed = match refresh.scope {
            Scope::Everything => self.remake(target, &refresh).await?,
            _ => match self.merge(target, &refresh, may_be_merged).await {
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
            repaired: lost.repaired,
        })
    }

    fn merge_sql(&self, target: Target<'_>, refresh: &Refresh) -> Result<String> {
        render(self.merge, refresh.context(target))
    }

    /// The statement that takes current rows from a complete history.
    fn take_sql(&self, target: Target<'_>, refresh: &Refresh) -> Result<Option<String>> {
        let is_taken = self.layer == Layer::Current && refresh.is_history_complete;

        is_taken
            .then(|| render("marts/take_current.sql", target.context()))
            .transpose()
    }

    async fn planned(&self, target: Target<'_>, refresh: &Refresh) -> Result<Vec<Planned>> {
        if refresh.scope != Scope::Everything {
            let merge = self.merge_sql(target, refresh)?;
            return Ok(vec![Planned::once(&self.table, merge)]);
        }
        if let Some(take) = self.take_sql(target, refresh)? {
            return Ok(vec![Planned::once(&self.table, take)]);
        }

        remake_of(target, self.layer, refresh)
            .planned(&|slice| refresh.context(target).sliced(slice))
            .await
    }

    async fn remake(&self, target: Target<'_>, refresh: &Refresh) -> Result<Committed> {
        let remake = remake_of(target, self.layer, refresh);
        if let Some(take) = self.take_sql(target, refresh)? {
            return remake.make_by(&take).await;
        }
        let made = remake
            .make(&|slice| refresh.context(target).sliced(slice))
            .await?;
        if target.marts == Marts::CurrentView {
            // At once, because a view of other columns cannot be read.
            schema::show_open_versions(target).await?;
        }

        Ok(made)
    }

    /// Merges the batches. If a lost statement of an earlier attempt may have merged them, the table no longer shows what was
    /// before them.
    async fn merge(
        &self,
        target: Target<'_>,
        refresh: &Refresh,
        may_be_merged: bool,
    ) -> Result<Committed> {
        let mut refresh = refresh.clone();
        if may_be_merged && refresh.scope == Scope::NewBatches {
            refresh.scope = Scope::TouchedKeys;
        }
        let merge = self.merge_sql(target, &refresh)?;

        target.publisher.merge_unrecorded(&self.table, &merge).await
    }
}
