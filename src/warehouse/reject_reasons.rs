//! Why events of a table were rejected, and which setting decides about each reason.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Target;
use crate::error::{RejectReason, Result};
use crate::pipeline::{SourceDefinition, SourceTable};
use crate::sql::TableName;
use crate::state::Window;

/// The context of `staging/reject_reasons.sql`.
#[derive(Serialize)]
struct ReasonsContext<'a> {
    rejects: TableName,
    from: &'a SourceTable,
    #[serde(flatten)]
    window: Window,
}

/// A row of `staging/reject_reasons.sql`.
#[derive(Deserialize)]
struct ReasonRow {
    reason: String,
    rejects: u64,
}

/// The reasons of the rejects that the window's batches have, the most frequent first.
pub(super) async fn reject_reasons(
    target: Target<'_>,
    window: Window,
) -> Result<Vec<RejectReason>> {
    let context = ReasonsContext {
        rejects: target.names.rejects(),
        from: &target.table.source,
        window,
    };
    let rows = target
        .publisher
        .rows::<ReasonRow>("staging/reject_reasons.sql", context);

    Ok(rows
        .await?
        .into_iter()
        .map(|row| RejectReason {
            remedy: remedy(target, &row.reason),
            reason: row.reason,
            count: row.rejects,
        })
        .collect())
}

/// What a reason means, and what to change: settings by their names in `pipeline.yaml`, with their present values.
fn remedy(target: Target<'_>, reason: &str) -> String {
    let table = &target.table.id.name;
    let id = &target.table.id;
    match (reason, &target.definition.source) {
        ("future_time", _) => {
            let skew = SignedDuration::try_from(target.definition.max_clock_skew)
                .unwrap_or(SignedDuration::MAX);
            format!(
                "the event's time is more than `max_clock_skew` ({skew:#}) after its arrival; raise `max_clock_skew`, or correct the source's clock"
            )
        }
        ("null_key", _) => format!(
            "a column of the key ({}) is null; correct the source, or change `tables.{table}.key` and call `POST /v1/tables/{id}/restage`",
            target.table.key.join(", ")
        ),
        ("bad_value", _) => format!(
            "a value does not fit its column; correct the source, or declare a `data_type` that fits in `tables.{table}.columns` and call `POST /v1/tables/{id}/restage`"
        ),
        ("bad_operation", SourceDefinition::Files(_)) => {
            "the operation is unknown; name its meaning in `source.operation.values`, or the right column in `source.operation.column`".into()
        }
        ("bad_operation", _) => {
            "the operation is none of `I`, `U`, `D`, `T`; correct the trigger, or name the right column in `source.columns.operation`".into()
        }
        ("bad_json", SourceDefinition::PostgresAuditLog { .. }) => {
            "the row is no JSON object; correct the trigger, or name the right column in `source.columns.data`".into()
        }
        ("forgotten", _) => "the key was forgotten, so its events are not taken; nothing is to be done".into(),
        ("id_reuse", SourceDefinition::Files(_)) => {
            "two different events have the same number; correct the files, or name a column with a number of its own for each event in `source.sequence`".into()
        }
        ("id_reuse", _) => {
            "two different events have the same id; correct the audit log, or name the column with a unique id in `source.columns.event_id`".into()
        }
        _ => format!("`GET /v1/rejects?table={id}` shows the events"),
    }
}
