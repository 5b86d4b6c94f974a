//! What a table is made of: at first sight by its definition and the source's catalogue, then as far as both may change it.

use super::attempt::Attempt;
use crate::error::{Error, Result};
use crate::pipeline::{CatalogueColumn, Evolution, MadeOf, Table};
use crate::state::TableState;

/// Remembers the columns of a table that is seen for the first time, and what changed of one that is known.
///
/// `catalogue` is read in the snapshot that the batch is read in: no event of it can have a field that the catalogue lacks.
pub(super) async fn register_or_evolve(
    attempt: &Attempt<'_>,
    table: &Table,
    catalogue: Vec<CatalogueColumn>,
    floor: i64,
) -> Result<()> {
    let store = &attempt.app.store;
    if let Some(known) = store.table(&table.id).await? {
        // A table that is dropped, or hidden from us, says nothing of its columns; neither do files of those that others had.
        let catalogue = if catalogue.is_empty() {
            known.catalogue.clone()
        } else if attempt.definition.source.files().is_some() {
            merge_catalogues(known.catalogue.clone(), catalogue)
        } else {
            catalogue
        };
        return evolve(attempt, table, known, catalogue).await.map(|_| ());
    }
    if catalogue.is_empty() && attempt.definition.source.files().is_some() {
        // No file of it came yet, so there is nothing to be made of.
        return Ok(());
    }
    if catalogue.is_empty() && table.columns.is_empty() {
        return Err(Error::SourceUnreadable {
            detail: format!(
                "the source has no table `{}` that its user may see, and the pipeline declares no columns for `{name}`; mend `tables.{name}.from`, grant `select`, or declare `columns`",
                table.from,
                name = table.id.name
            ),
        });
    }
    let columns = table
        .columns(&catalogue)
        .map_err(|detail| broken(attempt, detail))?;
    store
        .register_table(table, &columns, &catalogue, floor)
        .await
}

/// Gives a table as it is to be now; refuses where somebody has to decide before anything can be staged.
pub(super) async fn evolved(
    attempt: &Attempt<'_>,
    table: &Table,
    known: TableState,
) -> Result<TableState> {
    let catalogue = known.catalogue.clone();
    let (known, evolution) = evolve(attempt, table, known, catalogue).await?;
    refuse_if(table, evolution.refusal)?;

    Ok(known)
}

/// Refuses events that cannot be put behind those that a table was made of: their ids are of another kind.
pub(super) fn same_ids(table: &Table, known: &TableState) -> Result<()> {
    refuse_if(table, table.other_ids(known.has_own_ids))
}

/// Refuses to go on with tables that were made in another order of events.
pub(super) fn same_order(table: &Table, known: &TableState) -> Result<()> {
    same_ids(table, known)?;

    refuse_if(table, table.other_order(known.is_by_clock))
}

/// Refuses where there is a reason to.
fn refuse_if(table: &Table, refusal: Option<String>) -> Result<()> {
    refusal.map_or(Ok(()), |detail| {
        Err(Error::ContractBroken {
            table: table.id.to_string(),
            detail,
        })
    })
}

/// What a table's definition and catalogue want it to be, whatever it was made of before; not remembered yet.
pub(super) fn redefined(
    attempt: &Attempt<'_>,
    table: &Table,
    mut known: TableState,
) -> Result<TableState> {
    known.columns = table
        .columns(&known.catalogue)
        .map_err(|detail| broken(attempt, detail))?;
    known.drift.clear();
    known.origin.clone_from(&table.from);
    known.is_by_clock = table.is_by_clock;

    Ok(known)
}

/// As [`redefined`], as far as that needs no other log: which columns start versions, what columns mean, and the order of events.
pub(super) async fn retracked(
    attempt: &Attempt<'_>,
    table: &Table,
    mut known: TableState,
) -> Result<TableState> {
    let wanted = table
        .columns(&known.catalogue)
        .map_err(|detail| broken(attempt, detail))?;
    for column in &mut known.columns {
        if let Some(wanted) = wanted.iter().find(|wanted| wanted.name == column.name) {
            column.is_untracked = wanted.is_untracked;
            column.description.clone_from(&wanted.description);
        }
    }
    known.is_by_clock = table.is_by_clock;
    keep(attempt, table, &known).await?;

    Ok(known)
}

/// The columns that files had so far and have now; of one in both the type that it has now.
fn merge_catalogues(
    mut known: Vec<CatalogueColumn>,
    now: Vec<CatalogueColumn>,
) -> Vec<CatalogueColumn> {
    for column in now {
        match known.iter_mut().find(|known| known.name == column.name) {
            Some(known) => *known = column,
            None => known.push(column),
        }
    }

    known
}

async fn evolve(
    attempt: &Attempt<'_>,
    table: &Table,
    mut known: TableState,
    catalogue: Vec<CatalogueColumn>,
) -> Result<(TableState, Evolution)> {
    let mut evolution = Evolution::of(
        table,
        MadeOf {
            origin: &known.origin,
            columns: &known.columns,
            was_by_clock: known.is_by_clock,
            had_own_ids: known.has_own_ids,
        },
        &catalogue,
        &known.drift,
    )
    .map_err(|detail| broken(attempt, detail))?;
    for drift in &mut evolution.drift {
        drift.run_id.get_or_insert(attempt.run.id);
    }
    let is_new = known.has_own_ids.is_none()
        || known.columns != evolution.columns
        || known.drift != evolution.drift
        || known.catalogue != catalogue;
    if is_new {
        known.columns.clone_from(&evolution.columns);
        known.drift.clone_from(&evolution.drift);
        known.catalogue = catalogue;
        known.has_own_ids.get_or_insert(table.has_own_ids);
        keep(attempt, table, &known).await?;
    }

    Ok((known, evolution))
}

async fn keep(attempt: &Attempt<'_>, table: &Table, known: &TableState) -> Result<()> {
    attempt.app.store.reshape_table(&table.id, known).await
}

fn broken(attempt: &Attempt<'_>, detail: String) -> Error {
    Error::PipelineBroken {
        pipeline: attempt.definition.name.clone(),
        detail,
    }
}
