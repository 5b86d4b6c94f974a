//! From landed events to the typed log: each event once. An event that cannot be taken becomes a reject.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::refresh::RefreshContext;
use super::reject_reasons::reject_reasons;
use super::{Refresh, Target, describe_remade};
use crate::error::{Error, Result};
use crate::sql::render;
use crate::state::{LastEvent, LookedAt, RejectsLeft, Staged, StagedWindow};

/// The context of the statements of the typed log.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StagingContext<'a> {
    #[serde(flatten)]
    refresh: RefreshContext<'a>,
    /// Whether the typed log is remade, so that nothing is in it yet.
    remaking: bool,
    /// Whether the events come from the rejects, and not from the landing table.
    replaying: bool,
}

/// A row of `staging/ends.sql` and of `staging/batch_ends.sql`; null if there are no events.
#[derive(Deserialize)]
struct LastEventRow {
    last_event: Option<i64>,
    last_time: Option<String>,
    truncates: i64,
}

/// The row of `staging/accounted.sql`.
#[derive(Deserialize)]
struct AccountedRow {
    landed: i64,
    staged: i64,
    rejected: i64,
    last_event: Option<i64>,
    last_time: Option<String>,
}

/// The row of `staging/rejected.sql`.
#[derive(Deserialize)]
struct RejectedRow {
    rejects: i64,
    first_batch: Option<i64>,
}

/// Appends the events of the batches to the typed log. Doing it twice changes nothing.
pub async fn stage(target: Target<'_>, refresh: &Refresh) -> Result<StagedWindow> {
    let read = refresh.landed.summary.event_count;
    let mut staged_window = StagedWindow {
        window: refresh.window,
        ..StagedWindow::default()
    };
    if read == 0 {
        return Ok(staged_window);
    }
    let context = StagingContext::of(target, refresh);
    let staging = target.staging();
    target.publisher.resolve(&staging).await?;
    let committed = if refresh.window.after_batch == 0 && is_empty(target).await? {
        let remake = remake(&context)?;
        let committed = target.publisher.remake(&staging, &remake).await?;
        describe_remade(target, &staging).await?;
        committed
    } else {
        let merge = render("staging/merge.sql", &context)?;
        target.publisher.merge(&staging, &merge).await?
    };
    if let Some(rows) = committed.rows.filter(|rows| *rows != committed.added) {
        return Err(Error::Unbalanced {
            detail: format!(
                "table `{}`: Trino answered {rows} events and committed {} to `{staging}`; the cursor stays where it was",
                target.table.id.name, committed.added
            ),
        });
    }
    if committed.rows == Some(read) {
        staged_window.staged = Staged {
            read,
            staged: read,
            ..Staged::default()
        };
        // The state database may have been lost while the typed log remained. The service then does not know its events.
        if refresh.window.after_batch > 0 && refresh.landed.highest_event.is_none() {
            staged_window.last_event = Some(last_event_of_all(target, &context).await?);
            staged_window.looked_at = LookedAt::WholeTypedLog;
        }
        return Ok(staged_window);
    }

    reject(target, &context).await?;
    account(target, &mut staged_window, Some(read), &context).await?;
    check_rejects(target, &staged_window).await?;
    if refresh.landed.highest_event.is_none() {
        staged_window.last_event = Some(last_event_of_all(target, &context).await?);
        staged_window.looked_at = LookedAt::WholeTypedLog;
    }

    Ok(staged_window)
}

/// Remakes the typed log and the rejects from everything that landed up to a batch.
pub async fn restage(target: Target<'_>, refresh: &Refresh) -> Result<StagedWindow> {
    let context = StagingContext::of(target, refresh);
    let mut staged_window = StagedWindow {
        window: refresh.window,
        ..StagedWindow::default()
    };
    let staging = target.staging();
    target.publisher.resolve(&staging).await?;
    target
        .publisher
        .remake(&staging, &remake(&context)?)
        .await?;
    describe_remade(target, &staging).await?;
    {
        let rejects = target.names.rejects();
        let _turn = target.rejecting.lock().await;
        target.publisher.resolve(&rejects).await?;
        let forget = render("staging/forget_rejects.sql", &context)?;
        target.publisher.merge(&rejects, &forget).await?;
    }
    reject(target, &context).await?;
    account(target, &mut staged_window, None, &context).await?;
    staged_window.last_event = Some(last_event_of_all(target, &context).await?);

    Ok(staged_window)
}

impl<'a> StagingContext<'a> {
    fn of(target: Target<'a>, refresh: &'a Refresh) -> Self {
        Self {
            refresh: refresh.context(target),
            remaking: false,
            replaying: false,
        }
    }

    /// For statements that take their events from the rejects.
    pub(super) fn replaying(target: Target<'a>, refresh: &'a Refresh) -> Self {
        Self {
            replaying: true,
            ..Self::of(target, refresh)
        }
    }
}

/// The statement that remakes the typed log from all that landed.
fn remake(context: &StagingContext<'_>) -> Result<String> {
    let context = StagingContext {
        remaking: true,
        ..context.clone()
    };

    render("staging/remake.sql", context)
}

async fn is_empty(target: Target<'_>) -> Result<bool> {
    let rows: Vec<IgnoredAny> = target
        .publisher
        .rows("staging/any.sql", target.context())
        .await?;

    Ok(rows.is_empty())
}

/// Writes rejects. One table of the pipeline at a time, because two merges into one table fail each other.
async fn reject(target: Target<'_>, context: &StagingContext<'_>) -> Result<()> {
    let rejects = target.names.rejects();
    let merge = render("staging/reject.sql", context)?;
    let _turn = target.rejecting.lock().await;
    target.publisher.resolve(&rejects).await?;
    target.publisher.merge(&rejects, &merge).await?;
    // Needed only if an earlier attempt staged these batches by other rules.
    let unreject = render("staging/unreject.sql", context)?;
    target.publisher.merge(&rejects, &unreject).await?;

    Ok(())
}

/// Counts where the events are by reading the tables, not by what the statements should have done. `read` is how many
/// events were read, if known.
async fn account(
    target: Target<'_>,
    staged_window: &mut StagedWindow,
    read: Option<i64>,
    context: &StagingContext<'_>,
) -> Result<()> {
    let AccountedRow {
        landed,
        staged,
        rejected,
        last_event,
        last_time,
    } = target
        .publisher
        .row("staging/accounted.sql", context)
        .await?;
    let read = read.unwrap_or(landed);
    let duplicate = read - staged - rejected;
    if landed != read || duplicate < 0 {
        return Err(Error::Unbalanced {
            detail: format!(
                "table `{}`: {read} events were read, but {landed} are in `{}`, {staged} in `{}` and {rejected} rejected; nothing was published. Does something else write to these tables or to the landing folder?",
                target.table.id.name,
                target.names.landing(),
                target.staging()
            ),
        });
    }
    staged_window.staged = Staged {
        read,
        rejected,
        duplicate,
        staged,
    };
    staged_window.last_event = Some(LastEvent {
        event: last_event,
        time: last_time,
        truncates: 0,
    });
    staged_window.rejects = Some(rejects(target).await?);

    Ok(())
}

/// The highest id and time of the batch that a replay made.
pub(super) async fn last_event_of_batch(
    target: Target<'_>,
    context: impl Serialize,
) -> Result<LastEvent> {
    read_last_event(target, "staging/batch_ends.sql", context).await
}

/// The highest id and time of the whole typed log up to the last of the batches.
async fn last_event_of_all(target: Target<'_>, context: &StagingContext<'_>) -> Result<LastEvent> {
    read_last_event(target, "staging/ends.sql", context).await
}

async fn read_last_event(
    target: Target<'_>,
    statement: &str,
    context: impl Serialize,
) -> Result<LastEvent> {
    let row: LastEventRow = target.publisher.row(statement, context).await?;

    Ok(LastEvent {
        event: row.last_event,
        time: row.last_time,
        truncates: row.truncates,
    })
}

/// The rejects that the table has.
pub(super) async fn rejects(target: Target<'_>) -> Result<RejectsLeft> {
    let row: RejectedRow = target
        .publisher
        .row("staging/rejected.sql", target.context())
        .await?;

    Ok(RejectsLeft {
        count: row.rejects,
        first_batch: row.first_batch,
    })
}

async fn check_rejects(target: Target<'_>, staged_window: &StagedWindow) -> Result<()> {
    let read = staged_window.staged.read.unsigned_abs();
    let rejected = staged_window.staged.rejected.unsigned_abs();
    let allowed = target.definition.max_rejects.allowed(read);
    if rejected <= allowed {
        return Ok(());
    }

    // They explain the refusal; where Trino does not answer, the run is refused all the same.
    let reasons = reject_reasons(target, staged_window.window).await;
    let reasons = reasons.unwrap_or_else(|error| {
        tracing::warn!(table = %target.table.id, %error, "the reasons of rejects could not be read");
        Vec::new()
    });

    Err(Error::TooManyRejects {
        table: target.table.id.to_string(),
        read,
        rejected,
        allowed,
        rejects: target.names.rejects().to_string(),
        reasons,
    })
}
