//! Rejects that are tried again or dismissed.

use serde_json::{Value, json};

use super::{Span, Target, staging};
use crate::error::Result;
use crate::sql::render;
use crate::state::{Ends, Replayable};

/// Which rejects of a table are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Meant {
    /// Only those with this reason.
    pub reason: Option<String>,
    /// Only those of these names.
    pub ids: Vec<String>,
}

/// Tells what a replay may bring.
///
/// # Errors
///
/// [`crate::error::Error::TrinoUnavailable`], [`crate::error::Error::Trino`].
pub async fn replayable(target: Target<'_>, meant: &Meant) -> Result<Replayable> {
    let sql = render("staging/replayable.sql", meant.context(target.context()))?;
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

/// Tries rejects again as the batch of `span`; those that can be taken are rejects no more. Gives how many were taken, how
/// high their ids and times are, the table's rejects that are left, and the first batch that has one.
///
/// # Errors
///
/// [`crate::error::Error::TrinoUnavailable`], [`crate::error::Error::Trino`].
pub async fn replay(
    target: Target<'_>,
    span: &Span,
    meant: &Meant,
) -> Result<(i64, Ends, (i64, Option<i64>))> {
    let mut context = meant.context(span.context(target));
    context["batch"] = span.window.upto_batch.into();
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

    Ok((taken, ends, left))
}

/// Forgets rejects. Gives how many, those that are left, and the first batch that has one.
///
/// # Errors
///
/// [`crate::error::Error::TrinoUnavailable`], [`crate::error::Error::Trino`].
pub async fn dismiss(target: Target<'_>, meant: &Meant) -> Result<(i64, (i64, Option<i64>))> {
    let context = meant.context(target.context());
    let before = staging::rejects(target, &context).await?;
    let left = remove(target, "staging/dismiss.sql", &context).await?;

    Ok((before.0 - left.0, left))
}

async fn remove(
    target: Target<'_>,
    statement: &str,
    context: &Value,
) -> Result<(i64, Option<i64>)> {
    let rejects = target.names.rejects();
    let _turn = target.rejecting.lock().await;
    target.publisher.settle(&rejects).await?;
    let delete = render(statement, context)?;
    target.publisher.merge(&rejects, &delete).await?;

    staging::rejects(target, context).await
}

impl Meant {
    fn context(&self, mut context: Value) -> Value {
        context["reason"] = json!(self.reason);
        context["ids"] = json!(self.ids);
        context["replaying"] = true.into();

        context
    }
}
