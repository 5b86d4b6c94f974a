//! From landed events to the typed log: each event once, what cannot be taken among the rejects.

use serde_json::Value;

use super::Target;
use crate::error::{Error, Result};
use crate::sql::render;
use crate::state::{Landed, Window};

/// Where the events of a range of batches ended; `read = rejected + duplicate + staged`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Staged {
    /// Events of the table that landed.
    pub read: i64,
    /// Events in the log.
    pub staged: i64,
    /// Events that were in the log before.
    pub duplicate: i64,
    /// Events that could not be taken.
    pub rejected: i64,
}

/// Appends the events of the batches to the log; doing it twice changes nothing.
///
/// # Errors
///
/// [`Error::TooManyRejects`], [`Error::Unbalanced`], [`Error::TrinoUnavailable`], [`Error::Trino`].
pub async fn stage(target: Target<'_>, window: Window, landed: &Landed) -> Result<Staged> {
    let read = landed.events.events;
    if read == 0 {
        return Ok(Staged::default());
    }
    let context = target.context_of(window, landed);
    target.publisher.settle(&target.staging()).await?;
    let merge = render("staging/merge.sql", &context)?;
    let committed = target.publisher.merge(&target.staging(), &merge).await?;
    if committed.rows == Some(read) {
        return Ok(Staged {
            read,
            staged: read,
            ..Staged::default()
        });
    }

    reject(target, &context).await?;
    let staged = account(target, read, &context).await?;
    check_rejects(target, staged)?;

    Ok(staged)
}

/// Keeps what cannot be taken; one table of the pipeline at a time, because two merges into one table fail each other.
async fn reject(target: Target<'_>, context: &Value) -> Result<()> {
    let rejects = target.names.rejects();
    let merge = render("staging/reject.sql", context)?;
    let _turn = target.rejecting.lock().await;
    target.publisher.settle(&rejects).await?;
    target.publisher.merge(&rejects, &merge).await?;
    // Only where an earlier try had staged these batches by other rules.
    let unreject = render("staging/unreject.sql", context)?;
    target.publisher.merge(&rejects, &unreject).await?;

    Ok(())
}

/// Counts where the events are, by looking at the tables and not at what the statements should have done.
async fn account(target: Target<'_>, read: i64, context: &Value) -> Result<Staged> {
    let sql = render("staging/accounted.sql", context)?;
    let rows = target.publisher.read(&sql).await?;
    let count = |at: usize| rows.first().and_then(|row| row[at].as_i64()).unwrap_or(0);
    let (landed, staged, rejected) = (count(0), count(1), count(2));
    let duplicate = read - staged - rejected;
    if landed != read || duplicate < 0 {
        return Err(Error::Unbalanced {
            detail: format!(
                "table `{}`: {read} events were read, but {landed} are in `{}`, {staged} in `{}` and {rejected} rejected; nothing was published. Does something else write to these tables or to the landing folder?",
                target.name,
                target.names.landing(),
                target.staging()
            ),
        });
    }

    Ok(Staged {
        read,
        staged,
        duplicate,
        rejected,
    })
}

fn check_rejects(target: Target<'_>, staged: Staged) -> Result<()> {
    let read = staged.read.unsigned_abs();
    let rejected = staged.rejected.unsigned_abs();
    let allowed = target.definition.max_rejects.allowed(read);
    if rejected <= allowed {
        return Ok(());
    }

    Err(Error::TooManyRejects {
        table: format!("{}.{}", target.definition.name, target.name),
        read,
        rejected,
        allowed,
        rejects: target.names.rejects().to_string(),
    })
}
