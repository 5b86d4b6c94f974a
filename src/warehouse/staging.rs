//! From landed events to the typed log: each event once, what cannot be taken among the rejects.

use serde_json::Value;

use super::reject_reasons::reject_reasons;
use super::{Refresh, Target, describe_anew};
use crate::error::{Error, Result};
use crate::sql::render;
use crate::state::{LogEnd, RejectsLeft, Staged, StagedWindow};

/// Appends the events of the batches to the log; doing it twice changes nothing.
pub async fn stage(target: Target<'_>, refresh: &Refresh) -> Result<StagedWindow> {
    let read = refresh.landed.events.events;
    let mut upto = StagedWindow {
        window: refresh.window,
        ..StagedWindow::default()
    };
    if read == 0 {
        return Ok(upto);
    }
    let context = refresh.context(target);
    let staging = target.staging();
    target.publisher.settle(&staging).await?;
    let committed = if refresh.window.after_batch == 0 && is_empty(target, &context).await? {
        let remake = remake(&context)?;
        let committed = target.publisher.remake(&staging, &remake).await?;
        describe_anew(target, &staging).await?;
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
        upto.staged = Staged {
            read,
            staged: read,
            ..Staged::default()
        };
        // Nothing is known of what was before: the state database may have been lost, but the log is there.
        if refresh.window.after_batch > 0 && refresh.landed.highest_event.is_none() {
            upto.ends = Some(whole_ends(target, &context).await?);
            upto.is_whole_log = true;
        }
        return Ok(upto);
    }

    reject(target, &context).await?;
    account(target, &mut upto, Some(read), &context).await?;
    check_rejects(target, &upto).await?;
    if refresh.landed.highest_event.is_none() {
        upto.ends = Some(whole_ends(target, &context).await?);
        upto.is_whole_log = true;
    }

    Ok(upto)
}

/// Makes the log again from everything that landed up to a batch, aside, and the rejects with it.
pub async fn restage(target: Target<'_>, refresh: &Refresh) -> Result<StagedWindow> {
    let context = refresh.context(target);
    let mut upto = StagedWindow {
        window: refresh.window,
        ..StagedWindow::default()
    };
    let staging = target.staging();
    target.publisher.settle(&staging).await?;
    target
        .publisher
        .remake(&staging, &remake(&context)?)
        .await?;
    describe_anew(target, &staging).await?;
    {
        let rejects = target.names.rejects();
        let _turn = target.rejecting.lock().await;
        target.publisher.settle(&rejects).await?;
        let forget = render("staging/forget_rejects.sql", &context)?;
        target.publisher.merge(&rejects, &forget).await?;
    }
    reject(target, &context).await?;
    account(target, &mut upto, None, &context).await?;
    upto.ends = Some(whole_ends(target, &context).await?);

    Ok(upto)
}

/// The statement that makes the log of all that landed.
fn remake(context: &Value) -> Result<String> {
    let mut context = context.clone();
    context["remaking"] = true.into();

    render("staging/remake.sql", context)
}

async fn is_empty(target: Target<'_>, context: &Value) -> Result<bool> {
    let rows = target
        .publisher
        .read(&render("staging/any.sql", context)?)
        .await?;

    Ok(rows.is_empty())
}

/// Keeps what cannot be taken; one table of the pipeline at a time, because two merges into one table fail each other.
pub(super) async fn reject(target: Target<'_>, context: &Value) -> Result<()> {
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

/// Counts where the events are, of which so many were `read`, by looking at the tables and not at what the statements should have done.
async fn account(
    target: Target<'_>,
    upto: &mut StagedWindow,
    read: Option<i64>,
    context: &Value,
) -> Result<()> {
    let sql = render("staging/accounted.sql", context)?;
    let rows = target.publisher.read(&sql).await?;
    let Some(row) = rows.first() else {
        return Err(Error::internal(
            "the tables do not answer how much they hold",
        ));
    };
    let count = |at: usize| row[at].as_i64().unwrap_or(0);
    let (landed, staged, rejected) = (count(0), count(1), count(2));
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
    upto.staged = Staged {
        read,
        rejected,
        duplicate,
        staged,
    };
    upto.ends = Some(LogEnd {
        event: row[3].as_i64(),
        time: row[4].as_str().map(ToOwned::to_owned),
        truncates: 0,
    });
    upto.rejects = Some(rejects(target, context).await?);

    Ok(())
}

/// How high ids and times of the batch are that a replay made.
pub(super) async fn ends(target: Target<'_>, context: &Value) -> Result<LogEnd> {
    read_ends(target, render("staging/batch_ends.sql", context)?).await
}

/// How high ids and times of the whole log up to the last of the batches are.
async fn whole_ends(target: Target<'_>, context: &Value) -> Result<LogEnd> {
    read_ends(target, render("staging/ends.sql", context)?).await
}

async fn read_ends(target: Target<'_>, sql: String) -> Result<LogEnd> {
    let rows = target.publisher.read(&sql).await?;

    Ok(rows.first().map_or_else(LogEnd::default, |row| LogEnd {
        event: row[0].as_i64(),
        time: row[1].as_str().map(ToOwned::to_owned),
        truncates: row[2].as_i64().unwrap_or(0),
    }))
}

/// How many rejects the table has, and which is the first batch with one.
pub(super) async fn rejects(target: Target<'_>, context: &Value) -> Result<RejectsLeft> {
    let sql = render("staging/rejected.sql", context)?;
    let rows = target.publisher.read(&sql).await?;

    Ok(rows
        .first()
        .map_or_else(RejectsLeft::default, |row| RejectsLeft {
            count: row[0].as_i64().unwrap_or(0),
            first_batch: row[1].as_i64(),
        }))
}

async fn check_rejects(target: Target<'_>, upto: &StagedWindow) -> Result<()> {
    let read = upto.staged.read.unsigned_abs();
    let rejected = upto.staged.rejected.unsigned_abs();
    let allowed = target.definition.max_rejects.allowed(read);
    if rejected <= allowed {
        return Ok(());
    }

    Err(Error::TooManyRejects {
        table: target.table.id.to_string(),
        read,
        rejected,
        allowed,
        rejects: target.names.rejects().to_string(),
        reasons: reject_reasons(target, upto.window).await?,
    })
}
