//! The columns of a table: registered at first sight, then evolved as definition and source catalogue change.

use crate::error::{Error, Result};
use crate::pipeline::{CatalogueColumn, Column, Evolution, MadeOf, Table};
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::state::TableState;
use crate::warehouse;

/// Registers a table at first sight; of a known table, records what changed.
///
/// `catalogue` comes from the snapshot that the batch is read in, so no event of the batch has a field that the catalogue lacks.
/// `floor` is the last batch that landed before the state database knew of any.
pub(super) async fn register_or_evolve(
    attempt: &Attempt<'_>,
    table: &Table,
    catalogue: Vec<CatalogueColumn>,
    floor: i64,
) -> Result<()> {
    let store = &attempt.app.store;
    if let Some(known) = store.table(&table.id).await? {
        // An empty catalogue means that the table was dropped or is hidden. New files may lack columns of earlier
        // files.
        let catalogue = if catalogue.is_empty() {
            known.catalogue.clone()
        } else if attempt.definition.source.files().is_some() {
            merge_catalogues(known.catalogue.clone(), catalogue)
        } else {
            catalogue
        };
        record_evolution(attempt, table, known, catalogue).await?;
        return Ok(());
    }
    if catalogue.is_empty() && attempt.definition.source.files().is_some() {
        // No file of the table came yet.
        return Ok(());
    }
    if catalogue.is_empty() && table.columns.is_empty() {
        return Err(Error::SourceUnreadable {
            detail: format!(
                "the source has no table `{}` that its user may see, and the pipeline declares no columns for `{name}`; correct `tables.{name}.from`, grant `select`, or declare `columns`",
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

/// Evolves a table to its definition and its last catalogue. Fails if somebody has to decide before staging.
pub(in crate::run) async fn evolve(
    attempt: &Attempt<'_>,
    table: &Table,
    known: TableState,
) -> Result<TableState> {
    let catalogue = known.catalogue.clone();
    let evolved = record_evolution(attempt, table, known, catalogue).await?;
    refuse_if(table, evolved.refusal)?;

    Ok(evolved.state)
}

/// Refuses to put events behind others whose ids are of another kind.
pub(in crate::run) fn refuse_other_ids(table: &Table, known: &TableState) -> Result<()> {
    refuse_if(table, table.other_ids(known.has_own_ids))
}

/// Refuses to go on with marts that were made from events in another order, or that are not those of the definition.
pub(in crate::run) fn refuse_other_marts(table: &Table, known: &TableState) -> Result<()> {
    refuse_other_ids(table, known)?;
    refuse_if(table, table.other_order(known.is_by_clock))?;

    refuse_if(table, table.other_marts(known.marts))
}

fn refuse_if(table: &Table, refusal: Option<String>) -> Result<()> {
    refusal.map_or(Ok(()), |detail| {
        Err(Error::ContractBroken {
            table: table.id.to_string(),
            detail,
        })
    })
}

/// The table that the definition and the catalogue give, without regard to its earlier form. Records nothing.
pub(in crate::run) fn redefine(
    attempt: &Attempt<'_>,
    table: &Table,
    mut known: TableState,
) -> Result<TableState> {
    known.columns = defined(attempt, table, &known)?;
    known.drift.clear();
    known.origin.clone_from(&table.from);
    known.is_by_clock = table.is_by_clock;
    known.marts = table.marts();

    Ok(known)
}

/// Prepares the marts for the choice of the definition, if it is another one by now. Records nothing.
pub(in crate::run) async fn change_marts(
    attempt: &Attempt<'_>,
    table: &Table,
    known: &TableState,
    publisher: Publisher<'_>,
) -> Result<()> {
    if known.marts == table.marts() || known.staged_batch == 0 {
        return Ok(());
    }
    let target = attempt.target(table, known, publisher);

    warehouse::change_marts(target, table.marts()).await
}

/// Records the changes of the definition that need no new log: which columns start versions, descriptions, the order of
/// events, the choice of marts.
pub(in crate::run) async fn redefine_marts(
    attempt: &Attempt<'_>,
    table: &Table,
    mut known: TableState,
) -> Result<()> {
    let defined = defined(attempt, table, &known)?;
    for column in &mut known.columns {
        if let Some(defined) = defined.iter().find(|other| other.name == column.name) {
            column.is_untracked = defined.is_untracked;
            column.description.clone_from(&defined.description);
        }
    }
    known.is_by_clock = table.is_by_clock;
    known.marts = table.marts();

    attempt.app.store.reshape_table(&table.id, &known).await
}

/// The columns that the definition gives a table with its last catalogue.
fn defined(attempt: &Attempt<'_>, table: &Table, known: &TableState) -> Result<Vec<Column>> {
    table
        .columns(&known.catalogue)
        .map_err(|detail| broken(attempt, detail))
}

/// The columns of earlier files and of these. A column of both has the type that it has now.
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

struct Evolved {
    state: TableState,
    /// Why staging must wait until somebody decides.
    refusal: Option<String>,
}

async fn record_evolution(
    attempt: &Attempt<'_>,
    table: &Table,
    mut known: TableState,
    catalogue: Vec<CatalogueColumn>,
) -> Result<Evolved> {
    let made = MadeOf {
        origin: &known.origin,
        columns: &known.columns,
        was_by_clock: known.is_by_clock,
        had_own_ids: known.has_own_ids,
        marts: known.marts,
    };
    let mut evolution = Evolution::of(table, made, &catalogue, &known.drift)
        .map_err(|detail| broken(attempt, detail))?;
    for drift in &mut evolution.drift {
        drift.run_id.get_or_insert(attempt.run.id);
    }
    let is_new = known.has_own_ids.is_none()
        || known.columns != evolution.columns
        || known.drift != evolution.drift
        || known.catalogue != catalogue;
    if is_new {
        known.columns = evolution.columns;
        known.drift = evolution.drift;
        known.catalogue = catalogue;
        known.has_own_ids.get_or_insert(table.has_own_ids);
        attempt.app.store.reshape_table(&table.id, &known).await?;
    }

    Ok(Evolved {
        state: known,
        refusal: evolution.refusal,
    })
}

fn broken(attempt: &Attempt<'_>, detail: String) -> Error {
    Error::PipelineBroken {
        pipeline: attempt.definition.name.clone(),
        detail,
    }
}
