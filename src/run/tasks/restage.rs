//! Restage: remakes a table's typed log from landing by the current definition, then its marts from that log.

use crate::error::Result;
use crate::pipeline::Table;
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::{StepEnd, report_failure};
use crate::run::step;
use crate::run::steps::columns;
use crate::run::steps::marts::{self, ToPublish};
use crate::state::{Layer, Window};
use crate::warehouse::{self, Refresh, Scope};

pub(super) async fn restage(attempt: &Attempt<'_>, table: &Table) -> StepEnd {
    restage_log(attempt, table).await?;

    marts::build(attempt, table, &ToPublish::NewBatches).await
}

/// The step `restage.<table>`. The next step that builds the marts remakes them.
pub(super) async fn restage_log(attempt: &Attempt<'_>, table: &Table) -> StepEnd {
    let name = format!("restage.{}", table.id.name);
    let has_restaged = attempt.app.store.has_succeeded(attempt.run.id, &name).await;
    if has_restaged.map_err(|error| report_failure(&error, attempt.run, &name))? {
        return Ok(());
    }

    step::run(attempt, &name, async |publisher| {
        remake_log(attempt, table, publisher).await
    })
    .await
}

async fn remake_log(
    attempt: &Attempt<'_>,
    table: &Table,
    publisher: Publisher<'_>,
) -> Result<Counts> {
    let store = &attempt.app.store;
    let Some(known) = store.table(&table.id).await? else {
        return Ok(Counts::default());
    };
    columns::refuse_other_ids(table, &known)?;
    // From here on the marts and their builds do not follow from the log, even if this step fails.
    store.unpublish(&table.id).await?;
    columns::change_marts(attempt, table, &known, publisher).await?;
    let mut state = columns::redefine(attempt, table, known)?;
    for layer in [Layer::Sliced, Layer::Current, Layer::History] {
        store.end_build(&table.id, layer).await?;
    }
    (state.remakes_current, state.remakes_history) = (true, true);
    let target = attempt.target(table, &state, publisher);
    if state.staged_batch == 0 {
        attempt.ensure_tables(target, &state).await?;
    }
    // A build that an earlier run began is finished; the next run stages newer batches.
    let upto_batch = match warehouse::build_upto(target, Layer::Log).await? {
        Some(upto_batch) => upto_batch,
        None => store.last_landed(&table.id.pipeline).await?,
    };
    let window = Window {
        after_batch: 0,
        upto_batch,
    };
    let mut landed = store.landed_between(table, window).await?;
    landed.summary.ids_may_repeat = true;
    // The last known ids of the batches do not include rejected events.
    landed.summary.last_event = Some(i64::MAX);
    let refresh = Refresh::again(window, landed, Scope::Everything);
    let staged = warehouse::restage(target, &refresh).await?;
    store.record_restaging(table, &state, &staged).await?;
    warehouse::drop_leftover(target, Layer::Log).await?;

    Counts::of(&staged.staged)
}
