//! Rejects that are tried again or dismissed.

use serde_json::{Value, json};

use super::{Refresh, Target, staging};
use crate::error::Result;
use crate::sql::render;
use crate::state::{LogEnd, RejectsLeft, Replayable};

/// Which rejects of a table are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RejectFilter {
    /// Only those with this reason.
    pub reason: Option<String>,
    /// Only those of these names.
    pub ids: Vec<String>,
}

/// Tells what a replay may bring.
pub async fn replayable(target: Target<'_>, filter: &RejectFilter) -> Result<Replayable> {
    let sql = render("staging/replayable.sql", filter.context(target.context()))?;
    let rows = target.publisher.read(&sql).await?;

    Ok(rows
        .first()
        .map_or_else(Replayable::default, |row| Replayable {
            events: row[0].as_i64().unwrap_or(0),
            truncates: row[1].as_i64().unwrap_or(0),
            last_event: row[2].as_i64(),
            last_time: row[3].as_str().map(ToOwned::to_owned),
        }))
}

/// What a replay did.
#[derive(Debug)]
pub struct Replayed {
    /// The events that could be taken.
    pub taken: i64,
    /// How high their ids and times are.
    pub ends: LogEnd,
    pub left: RejectsLeft,
}

/// What a dismissal did.
#[derive(Debug, Clone, Copy)]
pub struct Dismissed {
    pub dismissed: i64,
    pub left: RejectsLeft,
}

/// Tries rejects again as the batch of `refresh`; those that can be taken are rejects no more.
pub async fn replay(
    target: Target<'_>,
    refresh: &Refresh,
    filter: &RejectFilter,
) -> Result<Replayed> {
    let mut context = filter.context(refresh.context(target));
    context["batch"] = refresh.window.upto_batch.into();
    target.publisher.settle(&target.staging()).await?;
    let replay = render("staging/replay.sql", &context)?;
    let taken = target
        .publisher
        .merge(&target.staging(), &replay)
        .await?
        .rows
        .unwrap_or(0);
    let ends = staging::ends(target, &context).await?;
    let left = remove(target, "staging/replayed.sql", &context).await?;

    Ok(Replayed { taken, ends, left })
}

pub async fn dismiss(target: Target<'_>, filter: &RejectFilter) -> Result<Dismissed> {
    let context = filter.context(target.context());
    let before = staging::rejects(target, &context).await?;
    let left = remove(target, "staging/dismiss.sql", &context).await?;

    Ok(Dismissed {
        dismissed: before.count - left.count,
        left,
    })
}

async fn remove(target: Target<'_>, statement: &str, context: &Value) -> Result<RejectsLeft> {
    let rejects = target.names.rejects();
    let _turn = target.rejecting.lock().await;
    target.publisher.settle(&rejects).await?;
    let delete = render(statement, context)?;
    target.publisher.merge(&rejects, &delete).await?;

    staging::rejects(target, context).await
}

impl RejectFilter {
    fn context(&self, mut context: Value) -> Value {
        context["reason"] = json!(self.reason);
        context["ids"] = json!(self.ids);
        context["replaying"] = true.into();

        context
    }
}
