//! The end of statements that a run has under way, and what they had committed by then.

use super::attempt::Attempt;
use crate::error::Result;
use crate::landing::{self, Batch, Landing};
use crate::sql::TableName;

/// Has Trino stop what this attempt, or one step of it, has under way, and says what was committed.
///
/// Nothing is recorded of that: the next run finds the same, and accounts for it.
pub(super) async fn stop(attempt: &Attempt<'_>, step: Option<&str>) -> Result<String> {
    let run = attempt.run;
    let publisher = attempt.publisher(step.unwrap_or("run"));
    let mut words = Vec::new();
    for statement in attempt.app.store.statements(run.id, step).await? {
        if statement.state != "sent" || statement.attempt != run.attempt {
            continue;
        }
        let Some(query_id) = &statement.trino_query_id else {
            continue;
        };
        let Some((target, address)) = attempt.sent(query_id) else {
            continue;
        };
        publisher.stop(query_id, Some(&address)).await?;
        let has_committed = if target == attempt.names.landing() {
            has_landed(attempt, &target).await?
        } else {
            publisher.committed(&target, query_id).await?.is_some()
        };
        let what = if has_committed {
            "had committed, and the next run accounts for it"
        } else {
            "had not committed and was stopped"
        };
        words.push(format!(
            "the statement of step `{}` on `{target}` {what}",
            statement.step
        ));
    }
    if words.is_empty() {
        words.push("no statement was under way".to_owned());
    }

    Ok(words.join("; "))
}

/// Says whether a batch that was on its way is in the landing table.
async fn has_landed(attempt: &Attempt<'_>, table: &TableName) -> Result<bool> {
    let landing = Landing {
        folder: &attempt.app.folder,
        table,
        publisher: attempt.publisher("extract"),
    };
    let pipeline = &attempt.run.pipeline;
    for open in attempt.app.store.open_batches(pipeline).await? {
        let batch = Batch {
            pipeline,
            id: open.id,
            run: open.run,
            keys_of: None,
        };
        if open.is_written && open.files > 0 && landing::landed(landing, &batch).await? {
            return Ok(true);
        }
    }

    Ok(false)
}
