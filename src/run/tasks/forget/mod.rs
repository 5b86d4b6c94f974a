//! Forget: erases all that is held of some keys of a table. Events of these keys that come later become rejects without content.
//!
//! Landing loses the content of the keys' events. Typed log, marts and models are made again from it, and then no snapshot and
//! no file is left that has the keys.

mod erase;
mod refused;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::restage;
use crate::error::{Error, Result};
use crate::landing::{KeyHash, key_hash};
use crate::pipeline::{Column, Table};
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::{StepEnd, first_failure, report_failure};
use crate::run::step;
use crate::run::steps::{extract, models};
use crate::run::task::erased_keys;
use crate::state::{Layer, TableState};
use crate::warehouse;

/// A key: the text of each value, by column.
type Key = BTreeMap<String, String>;

pub(super) async fn forget(attempt: &Attempt<'_>, table: &Table, keys: &[Key]) -> StepEnd {
    let name = format!("forget.{}", table.id.name);
    let is_done = attempt.app.store.has_succeeded(attempt.run.id, &name).await;
    let failed = |error: Error| report_failure(&error, attempt.run, &name);
    if is_done.map_err(failed)? {
        // What keeps rows may have come since an earlier attempt.
        let publisher = attempt.publisher(&name);
        refused::refuse_what_keeps_rows(attempt, table, publisher)
            .await
            .map_err(failed)?;
    } else {
        step::run(attempt, &name, async |publisher| {
            if keys.is_empty() {
                return Err(erased_keys());
            }
            refused::refuse_what_keeps_rows(attempt, table, publisher).await?;
            empty_landing(attempt, table, keys, publisher).await
        })
        .await?;
    }
    restage::restage(attempt, table).await?;
    first_failure(models::refresh(attempt, BTreeSet::new()).await)?;

    erase::erase(attempt, table).await
}

/// Notes the keys as forgotten, then takes the content of their events from landing. Doing it twice changes nothing.
async fn empty_landing(
    attempt: &Attempt<'_>,
    table: &Table,
    keys: &[Key],
    publisher: Publisher<'_>,
) -> Result<Counts> {
    let store = &attempt.app.store;
    let known = store.table(&table.id).await?;
    let state = known.ok_or_else(|| Error::Invalid {
        field: "table".into(),
        detail: format!(
            "`{}` was never read, so the types of its key are not known; start a run first",
            table.id
        ),
    })?;
    let hashes = hashes(table, &state, keys)?;
    let target = attempt.target(table, &state, publisher);
    let texts: Vec<Vec<String>> = keys.iter().map(|key| texts(&state, key)).collect();
    if let Some(place) = warehouse::unreadable_key(target, &texts).await? {
        return Err(unreadable(&state, place));
    }
    let key: Vec<Column> = key_columns(&state).cloned().collect();
    let hashes: Vec<&[u8]> = hashes.iter().map(<[u8; 32]>::as_slice).collect();
    store
        .forget_keys(
            &table.id.pipeline,
            &table.source,
            &key,
            attempt.run.id,
            &hashes,
        )
        .await?;
    // What lands from here on has no content of these keys.
    extract::finish_open_batches(attempt, publisher).await?;
    let emptied = warehouse::forget_keys(target, &texts).await?;
    // A log that an earlier run began to make may have the keys already. The restage begins anew.
    store.end_build(&table.id, Layer::Log).await?;

    Ok(Counts::from([("landed_forgotten", emptied)]))
}

/// The refusal of a key that no row can have, without its value.
fn unreadable(state: &TableState, place: i64) -> Error {
    let types: Vec<String> = key_columns(state)
        .map(|column| format!("`{}` is `{}`", column.name, column.data_type))
        .collect();

    Error::Invalid {
        field: format!("keys[{place}]"),
        detail: format!(
            "`keys[{place}]` has a value that is not of its column's type, so no row has this key: {}; write each value as the source does, numbers as strings if they are long",
            types.join(", ")
        ),
    }
}

fn hashes(table: &Table, state: &TableState, keys: &[Key]) -> Result<Vec<KeyHash>> {
    if let Some(column) = key_columns(state).find(|column| column.path.is_some()) {
        return Err(Error::Invalid {
            field: "keys".into(),
            detail: format!(
                "the key column `{}` of `{}` lies inside a field, and keys of this kind cannot be forgotten; make the column a field of the source",
                column.name, table.id
            ),
        });
    }
    let hash = |key: &Key| {
        key_hash(key_columns(state), |column| {
            key.get(&column.name).map(|text| Cow::Owned(text.clone()))
        })
    };
    let hashes: Option<_> = keys.iter().map(hash).collect();

    hashes.ok_or_else(|| Error::Invalid {
        field: "keys".into(),
        detail: format!(
            "the key of `{}` has changed; name its present columns",
            table.id
        ),
    })
}

/// The text of each value, in the order of the key's columns.
fn texts(state: &TableState, key: &Key) -> Vec<String> {
    let value = |column: &Column| key.get(&column.name).cloned().unwrap_or_default();

    key_columns(state).map(value).collect()
}

fn key_columns(state: &TableState) -> impl Iterator<Item = &Column> {
    state.columns.iter().filter(|column| column.is_key)
}
