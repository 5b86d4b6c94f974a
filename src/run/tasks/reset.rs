//! Reset: everything that is held of a table is deleted, and the extraction that follows reads the table as if for the first time.

use crate::error::Result;
use crate::pipeline::{Marts, Table};
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::{StepEnd, report_failure};
use crate::run::step;
use crate::run::steps::extract;
use crate::run::task::Task;
use crate::source;
use crate::warehouse;

/// The step `reset.<table>`. If an earlier attempt has done it, what was read since stays.
pub(super) async fn reset(attempt: &Attempt<'_>, table: &Table) -> StepEnd {
    let name = format!("reset.{}", table.id.name);

    step::run(attempt, &name, async |publisher| {
        let store = &attempt.app.store;
        if store.has_succeeded(attempt.run.id, &name).await? {
            return Ok(Counts::default());
        }
        let begun = store.resets_begun(&table.id.pipeline).await?;
        let begun = begun.into_iter().find(|begun| begun.name == table.id.name);
        let marts = match begun {
            Some(begun) => begun.marts,
            None => match begin(attempt, table, publisher).await? {
                Some(marts) => marts,
                // Nothing is held of it.
                None => return Ok(Counts::default()),
            },
        };

        delete(attempt, table, marts, publisher).await
    })
    .await
}

/// Finishes the resets that earlier runs began and did not end. Until then, what is left of a table says nothing.
pub(super) async fn finish_begun(attempt: &Attempt<'_>) -> StepEnd {
    let begun = attempt
        .app
        .store
        .resets_begun(&attempt.run.pipeline)
        .await
        .map_err(|error| report_failure(&error, attempt.run, "run"))?;
    for begun in begun {
        let is_own = matches!(&attempt.task, Task::Reset { table } if *table == begun.name);
        // A table that is no longer in the definition is read by nobody.
        let Some(table) = attempt.definition.tables.get(&begun.name) else {
            continue;
        };
        if is_own {
            continue;
        }
        let name = format!("reset.{}", begun.name);
        step::run(attempt, &name, async |publisher| {
            // A deletion may have begun it, and not asked for another reading.
            restart(attempt, table, publisher).await?;
            delete(attempt, table, begun.marts, publisher).await
        })
        .await?;
    }

    Ok(())
}

/// Notes that the table counts as never seen, and asks its source to be read from the begin. Doing it twice changes nothing.
async fn restart(attempt: &Attempt<'_>, table: &Table, publisher: Publisher<'_>) -> Result<()> {
    let store = &attempt.app.store;
    // The cursor of a batch that lands later would not know of the reset.
    extract::finish_open_batches(attempt, publisher).await?;
    let mut cursor = store.cursor(&table.id.pipeline).await?;
    if let Some(cursor) = &mut cursor {
        let source = &attempt.definition.source;
        source::request_restart(source, &mut cursor.position, &table.id.name)?;
    }

    store.begin_reset(&table.id, cursor.as_ref()).await
}

/// Notes that the table is reset, after a look at its source. Gives the marts that it has; `None` if nothing is held of it.
async fn begin(
    attempt: &Attempt<'_>,
    table: &Table,
    publisher: Publisher<'_>,
) -> Result<Option<Marts>> {
    let store = &attempt.app.store;
    let Some(known) = store.table(&table.id).await? else {
        return Ok(None);
    };
    let (definition, name) = (attempt.definition, &table.id.name);
    let cursor = store.cursor(&definition.name).await?;
    let needs_rows = cursor
        .is_some_and(|cursor| source::has_read_rows(&definition.source, &cursor.position, name));
    extract::check_source(attempt, needs_rows.then_some(name.as_str())).await?;
    restart(attempt, table, publisher).await?;

    Ok(Some(known.marts))
}

/// Deletes what Trino holds of the table. Doing it twice changes nothing.
async fn delete(
    attempt: &Attempt<'_>,
    table: &Table,
    marts: Marts,
    publisher: Publisher<'_>,
) -> Result<Counts> {
    let forgotten = warehouse::forget(&attempt.names, table, marts, publisher).await?;
    attempt.app.store.end_reset(table).await?;

    Ok(Counts::from([
        ("tables_dropped", forgotten.tables),
        ("landed_deleted", forgotten.landed),
        ("rejects_deleted", forgotten.rejects),
    ]))
}
