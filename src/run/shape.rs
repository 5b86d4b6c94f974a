//! What a table is made of: at first sight by its definition and the source's catalogue, then as far as both may change it.

use super::attempt::Attempt;
use crate::error::{Error, Result};
use crate::pipeline::{Evolution, Table};
use crate::state::TableState;

/// Remembers the columns of a table that is seen for the first time, and what changed of one that is known.
///
/// `catalogue` is read in the snapshot that the batch is read in: no event of it can have a field that the catalogue lacks.
pub(super) async fn see(
    attempt: &Attempt<'_>,
    (name, table): (&str, &Table),
    catalogue: Vec<(String, String)>,
    floor: i64,
) -> Result<()> {
    let store = &attempt.app.store;
    let pipeline = &attempt.definition.name;
    if let Some(known) = store.table(pipeline, name).await? {
        // A table that is dropped, or hidden from us, says nothing of its columns; neither do files of those that others had.
        let catalogue = if catalogue.is_empty() {
            known.catalogue.clone()
        } else if attempt.definition.source.files().is_some() {
            together(known.catalogue.clone(), catalogue)
        } else {
            catalogue
        };
        return adopt(attempt, (name, table), known, catalogue)
            .await
            .map(|_| ());
    }
    if catalogue.is_empty() && attempt.definition.source.files().is_some() {
        // No file of it came yet, so there is nothing to be made of.
        return Ok(());
    }
    if catalogue.is_empty() && table.columns.is_empty() {
        return Err(Error::SourceUnreadable {
            detail: format!(
                "the source has no table `{}` that its user may see, and the pipeline declares no columns for `{name}`; mend `tables.{name}.from`, grant `select`, or declare `columns`",
                table.from
            ),
        });
    }
    let columns = table
        .columns(&catalogue)
        .map_err(|detail| broken(attempt, detail))?;
    store
        .register_table(
            (pipeline, name),
            (&table.from, &columns, &catalogue),
            (table.is_by_clock, table.has_own_ids),
            floor,
        )
        .await
}

/// Gives a table as it is to be now; refuses where somebody has to decide before anything can be staged.
pub(super) async fn settled(
    attempt: &Attempt<'_>,
    (name, table): (&str, &Table),
    known: TableState,
) -> Result<TableState> {
    let catalogue = known.catalogue.clone();
    let (known, evolution) = adopt(attempt, (name, table), known, catalogue).await?;
    agreed(attempt, name, evolution.refusal)?;

    Ok(known)
}

/// Refuses events that cannot be put behind those that a table was made of: their ids are of another kind.
pub(super) fn same_ids(
    attempt: &Attempt<'_>,
    (name, table): (&str, &Table),
    known: &TableState,
) -> Result<()> {
    agreed(attempt, name, table.other_ids(name, known.has_own_ids))
}

/// Refuses to go on with tables that were made in another order of events.
pub(super) fn same_order(
    attempt: &Attempt<'_>,
    (name, table): (&str, &Table),
    known: &TableState,
) -> Result<()> {
    same_ids(attempt, (name, table), known)?;

    agreed(attempt, name, table.other_order(name, known.is_by_clock))
}

/// Refuses where there is a reason to.
fn agreed(attempt: &Attempt<'_>, name: &str, refusal: Option<String>) -> Result<()> {
    refusal.map_or(Ok(()), |detail| {
        Err(Error::ContractBroken {
            table: format!("{}.{name}", attempt.definition.name),
            detail,
        })
    })
}

/// What a table's definition and catalogue want it to be, whatever it was made of before; not remembered yet.
pub(super) fn anew(
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

/// As [`anew`], as far as that needs no other log: which columns start versions, what columns mean, and the order of events.
pub(super) async fn retracked(
    attempt: &Attempt<'_>,
    (name, table): (&str, &Table),
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
    keep(attempt, name, &known).await?;

    Ok(known)
}

/// The columns that files had so far and have now; of one in both the type that it has now.
fn together(mut known: Vec<(String, String)>, now: Vec<(String, String)>) -> Vec<(String, String)> {
    for (name, kind) in now {
        match known.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = kind,
            None => known.push((name, kind)),
        }
    }

    known
}

async fn adopt(
    attempt: &Attempt<'_>,
    (name, table): (&str, &Table),
    mut known: TableState,
    catalogue: Vec<(String, String)>,
) -> Result<(TableState, Evolution)> {
    let mut evolution = table
        .evolve(
            name,
            (&known.origin, &known.columns),
            (known.is_by_clock, known.has_own_ids),
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
        keep(attempt, name, &known).await?;
    }

    Ok((known, evolution))
}

async fn keep(attempt: &Attempt<'_>, name: &str, known: &TableState) -> Result<()> {
    let store = &attempt.app.store;

    store
        .reshape_table(&attempt.definition.name, name, known)
        .await
}

fn broken(attempt: &Attempt<'_>, detail: String) -> Error {
    Error::PipelineBroken {
        pipeline: attempt.definition.name.clone(),
        detail,
    }
}
