//! Resync: the extraction that follows reads a table again from its source.

use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::StepEnd;
use crate::run::step;
use crate::run::steps::extract;
use crate::source;

/// The step `resync.<table>`. If an earlier attempt has done it, the reading that it began goes on.
pub(super) async fn request_reread(attempt: &Attempt<'_>, table: &str) -> StepEnd {
    let name = format!("resync.{table}");

    step::run(attempt, &name, async |publisher| {
        let store = &attempt.app.store;
        let definition = attempt.definition;
        if store.has_succeeded(attempt.run.id, &name).await? {
            return Ok(Counts::default());
        }
        extract::check_source(attempt, Some(table)).await?;
        // The cursor of a batch that lands later would not know of the request.
        extract::finish_open_batches(attempt, publisher).await?;
        if let Some(mut cursor) = store.cursor(&definition.name).await? {
            source::request_reread(&definition.source, &mut cursor.position, table)?;
            store.request_reread(&definition.name, &cursor).await?;
        }
        Ok(Counts::default())
    })
    .await
}
