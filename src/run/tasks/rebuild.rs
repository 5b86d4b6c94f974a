//! Rebuild: remakes current rows and history, or computes some of their keys again, from the typed log.

use std::collections::BTreeMap;

use crate::pipeline::Table;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::StepEnd;
use crate::run::step;
use crate::run::steps::columns;
use crate::run::steps::marts::{self, ToPublish};

/// Rebuilds all keys if `keys` is empty.
pub(super) async fn rebuild(
    attempt: &Attempt<'_>,
    table: &Table,
    keys: &[BTreeMap<String, String>],
) -> StepEnd {
    if !keys.is_empty() {
        return marts::build(attempt, table, &ToPublish::Keys(keys.to_vec())).await;
    }
    step::run(
        attempt,
        &format!("plan.{}", table.id.name),
        async |publisher| {
            let store = &attempt.app.store;
            if let Some(known) = store.table(&table.id).await? {
                store.unpublish(&table.id).await?;
                columns::change_marts(attempt, table, &known, publisher).await?;
                columns::redefine_marts(attempt, table, known).await?;
            }
            Ok(Counts::default())
        },
    )
    .await?;

    marts::build(attempt, table, &ToPublish::NewBatches).await
}
