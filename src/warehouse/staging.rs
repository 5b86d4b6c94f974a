//! From landed events to the typed log: each event once. An event that cannot be taken becomes a reject.

use serde::{Deserialize, Serialize};

use super::build::{is_empty, refuse_repeated_ids};
use super::refresh::RefreshContext;
use super::reject_reasons::reject_reasons;
use super::remake::{Filled, Remake};
use super::slices::{Slice, Slicing};
use super::{Refresh, Target, describe_remade};
use crate::error::{Error, Result};
use crate::publish::{Committed, Planned, PlannedStatement};
use crate::sql::render;
use crate::state::{LastEvent, Layer, LookedAt, RejectsLeft, Staged, StagedWindow};

/// The context of the statements of the typed log.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StagingContext<'a> {
    #[serde(flatten)]
    refresh: RefreshContext<'a>,
    /// Whether the typed log is remade, so that nothing is in it yet.
    remaking: bool,
    /// Whether the events come from the rejects, and not from the landing table.
    replaying: bool,
    /// Whether a slice has all events of some keys, because events of a key are compared; else those of some ids.
    slices_by_key: bool,
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
    /// Rejects of forgotten keys.
    forgotten: i64,
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
    let appended = if refresh.window.after_batch == 0 && is_empty(target, &staging).await? {
        let committed = remake(target, refresh).await?;
        describe_remade(target, &staging).await?;
        appended(target, &committed)?
    } else {
        merge(target, refresh).await?
    };
    if appended == Some(read) {
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

    reject(target, refresh).await?;
    let forgotten = account(target, &mut staged_window, Some(read), &context).await?;
    check_rejects(target, &staged_window, forgotten).await?;
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
    remake(target, refresh).await?;
    describe_remade(target, &staging).await?;
    {
        let rejects = target.names.rejects();
        let _turn = target.rejecting.lock().await;
        target.publisher.resolve(&rejects).await?;
        let forget = render("staging/forget_rejects.sql", &context)?;
        target.publisher.merge(&rejects, &forget).await?;
    }
    reject(target, refresh).await?;
    account(target, &mut staged_window, None, &context).await?;
    staged_window.last_event = Some(last_event_of_all(target, &context).await?);

    Ok(staged_window)
}

impl<'a> StagingContext<'a> {
    fn of(target: Target<'a>, refresh: &'a Refresh) -> Self {
        let refresh = refresh.context(target);

        Self {
            slices_by_key: refresh.compares_events_of_keys(false),
            refresh,
            remaking: false,
            replaying: false,
        }
    }

    /// For the statement that makes the whole typed log.
    fn remaking(target: Target<'a>, refresh: &'a Refresh) -> Self {
        let context = Self::of(target, refresh);

        Self {
            slices_by_key: context.refresh.compares_events_of_keys(true),
            remaking: true,
            ..context
        }
    }

    pub(super) fn sliced(self, slice: Slice) -> Self {
        Self {
            refresh: self.refresh.sliced(slice),
            ..self
        }
    }

    /// Whether events are compared with each other, which takes memory for all of them at once.
    fn compares_events(&self) -> bool {
        self.slices_by_key || self.refresh.ids_may_repeat
    }

    /// For statements that take their events from the rejects.
    pub(super) fn replaying(target: Target<'a>, refresh: &'a Refresh) -> Self {
        Self {
            replaying: true,
            ..Self::of(target, refresh)
        }
    }
}

/// The remake of the typed log from all that landed.
fn remake_of<'a>(target: Target<'a>, refresh: &Refresh) -> Remake<'a> {
    let context = StagingContext::remaking(target, refresh);
    let compares_events = context.compares_events();

    Remake {
        target,
        layer: Layer::Log,
        slices_by_key: context.slices_by_key,
        is_first: refresh.window.after_batch == 0 && !refresh.is_republish,
        upto_batch: refresh.window.upto_batch,
        all_events: refresh.events(),
        // Events that are not compared with each other pass through a statement one by one.
        events: if compares_events { refresh.events() } else { 0 },
    }
}

/// The statements that would bring the events of the batches into the typed log. What they reject needs others.
pub async fn planned_log(target: Target<'_>, refresh: &Refresh) -> Result<Vec<PlannedStatement>> {
    let planned = planned(target, refresh).await?;

    Ok(Planned::all_at(planned, &target.stage_step()))
}

async fn planned(target: Target<'_>, refresh: &Refresh) -> Result<Vec<Planned>> {
    if refresh.window.after_batch == 0 {
        let of_slice = |slice| StagingContext::remaking(target, refresh).sliced(slice);
        return remake_of(target, refresh).planned(&of_slice).await;
    }
    let slicing = Slicing::expected(target, refresh.events());
    let slice = slicing.slice().unwrap_or(Slice::ALL);

    Ok(vec![Planned {
        table: Some(target.staging()),
        slices: slicing.left().into(),
        ..Planned::reading(merge_sql(target, refresh, slice)?)
    }])
}

/// Remakes the typed log from all that landed.
async fn remake(target: Target<'_>, refresh: &Refresh) -> Result<Committed> {
    let context = StagingContext::remaking(target, refresh);
    let remake = remake_of(target, refresh);
    let ids_may_repeat = context.refresh.ids_may_repeat && !context.refresh.is_by_content();
    let of_slice = |slice| StagingContext::remaking(target, refresh).sliced(slice);
    let filled = remake.fill(&of_slice).await?;
    if let Filled::InSlices { .. } = filled
        && context.slices_by_key
        && ids_may_repeat
    {
        refuse_repeated_ids(target, remake.events).await?;
    }
    let committed = remake.finish(filled, &of_slice).await?;
    target.publisher.record(&committed).await?;

    Ok(committed)
}

/// Appends events to a typed log that has some, and gives their number if Trino answered it.
async fn merge(target: Target<'_>, refresh: &Refresh) -> Result<Option<i64>> {
    let mut sum = Some(0);
    let mut slicing = Slicing::expected(target, refresh.events());
    while let Some(slice) = slicing.slice() {
        let merge = merge_sql(target, refresh, slice)?;
        let merged = target.publisher.merge(&target.staging(), &merge).await;
        if let Some(committed) = slicing.ended(slice, merged)? {
            let rows = appended(target, &committed)?;
            sum = sum.zip(rows).map(|(sum, rows)| sum + rows);
        }
    }

    Ok(sum)
}

fn merge_sql(target: Target<'_>, refresh: &Refresh, slice: Slice) -> Result<String> {
    let context = StagingContext::of(target, refresh).sliced(slice);

    render("staging/merge.sql", context)
}

/// The events that a statement appended, if Trino answered their number.
fn appended(target: Target<'_>, committed: &Committed) -> Result<Option<i64>> {
    match committed.rows {
        Some(rows) if rows != committed.added => Err(Error::Unbalanced {
            detail: format!(
                "table `{}`: Trino answered {rows} events and committed {} to `{}`; the cursor stays where it was",
                target.table.id.name,
                committed.added,
                target.staging()
            ),
        }),
        rows => Ok(rows),
    }
}

/// Writes rejects. One table of the pipeline at a time, because two merges into one table fail each other.
async fn reject(target: Target<'_>, refresh: &Refresh) -> Result<()> {
    let rejects = target.names.rejects();
    let _turn = target.rejecting.lock().await;
    target.publisher.resolve(&rejects).await?;
    // The second statement is needed only if an earlier attempt staged these batches by other rules.
    for statement in ["staging/reject.sql", "staging/unreject.sql"] {
        let mut slicing = Slicing::expected(target, refresh.events());
        while let Some(slice) = slicing.slice() {
            let context = StagingContext {
                // Each event is compared with the staged one of its id.
                slices_by_key: false,
                ..StagingContext::of(target, refresh).sliced(slice)
            };
            let merge = render(statement, context)?;
            let merged = target.publisher.merge(&rejects, &merge).await;
            slicing.ended(slice, merged)?;
        }
    }

    Ok(())
}

/// Counts where the events are by reading the tables, not by what the statements should have done. `read` is how many
/// events were read, if known.
async fn account(
    target: Target<'_>,
    staged_window: &mut StagedWindow,
    read: Option<i64>,
    context: &StagingContext<'_>,
) -> Result<i64> {
    let AccountedRow {
        landed,
        staged,
        rejected,
        forgotten,
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

    Ok(forgotten)
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

async fn check_rejects(
    target: Target<'_>,
    staged_window: &StagedWindow,
    forgotten: i64,
) -> Result<()> {
    let read = staged_window.staged.read.unsigned_abs();
    let rejected = (staged_window.staged.rejected - forgotten).unsigned_abs();
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
