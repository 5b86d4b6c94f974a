//! From the typed log to current rows and history: one `MERGE` a table, over the keys that the batches touched.

use serde_json::json;

use super::Target;
use crate::error::Result;
use crate::publish::Committed;
use crate::sql::render;
use crate::state::{Landed, Published, Window};

/// What a publication changed in a history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Versions {
    /// Versions that came.
    pub versions_inserted: i64,
    /// Versions whose end or values changed.
    pub versions_updated: i64,
    /// Versions that were made void by late events.
    pub versions_removed: i64,
}

/// Makes the current rows of the touched keys what their events say; doing it twice changes nothing.
///
/// Gives what changed and the statements that did it, whose ends are to be recorded together with the counts: of a kill in
/// between, the next try finds them open and counts them again.
///
/// # Errors
///
/// [`crate::error::Error::TrinoUnavailable`], [`crate::error::Error::Trino`].
pub async fn publish_current(
    target: Target<'_>,
    window: Window,
    landed: &Landed,
) -> Result<(Published, Vec<Committed>)> {
    if landed.events.events == 0 {
        return Ok((Published::default(), Vec::new()));
    }
    let mut statements = target
        .publisher
        .settle_unrecorded(&target.current())
        .await?;
    let merge = render("marts/merge_current.sql", target.context_of(window, landed))?;
    let committed = target
        .publisher
        .merge_unrecorded(&target.current(), &merge)
        .await?;
    let mut published = by_arithmetic(&committed);
    for lost in &statements {
        let found = by_comparing(target, lost).await?;
        published.inserted += found.inserted;
        published.updated += found.updated;
        published.deleted += found.deleted;
    }
    statements.push(committed);

    Ok((published, statements))
}

/// Makes the versions of the touched keys what their events say; doing it twice changes nothing.
///
/// # Errors
///
/// [`crate::error::Error::TrinoUnavailable`], [`crate::error::Error::Trino`].
pub async fn publish_history(
    target: Target<'_>,
    window: Window,
    landed: &Landed,
) -> Result<Versions> {
    if landed.events.events == 0 {
        return Ok(Versions::default());
    }
    target.publisher.settle(&target.history()).await?;
    let merge = render("marts/merge_history.sql", target.context_of(window, landed))?;
    let committed = target.publisher.merge(&target.history(), &merge).await?;
    let Published {
        inserted,
        updated,
        deleted,
    } = by_arithmetic(&committed);

    Ok(Versions {
        versions_inserted: inserted,
        versions_updated: updated,
        versions_removed: deleted,
    })
}

/// With N rows acted on, A written and D hidden: inserted = N − D, deleted = N − A, updated = A + D − N.
///
/// Holds for a `MERGE` in which every source row acts, on Iceberg format 2.
fn by_arithmetic(committed: &Committed) -> Published {
    let rows = committed.rows.unwrap_or(0);

    Published {
        inserted: rows - committed.hidden,
        updated: committed.added + committed.hidden - rows,
        deleted: rows - committed.added,
    }
}

/// Counts by comparing the snapshots before and after, where Trino's answer with N was lost.
async fn by_comparing(target: Target<'_>, committed: &Committed) -> Result<Published> {
    let id = |snapshot: &Option<String>| snapshot.as_ref().and_then(|id| id.parse::<i64>().ok());
    let mut context = target.context();
    context["parent"] = json!(id(&committed.parent));
    context["snapshot"] = json!(id(&committed.snapshot));
    let rows = target
        .publisher
        .read(&render("marts/compared.sql", context)?)
        .await?;
    let count = |at: usize| rows.first().and_then(|row| row[at].as_i64()).unwrap_or(0);

    Ok(Published {
        inserted: count(0),
        updated: count(1),
        deleted: count(2),
    })
}
