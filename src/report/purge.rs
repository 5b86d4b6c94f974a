//! Up to which event the owner of an audit log may delete.

use serde::Serialize;
use serde_json::Value;

use crate::app::App;
use crate::error::{Result, causes};
use crate::pipeline::{Definition, SourceDefinition};
use crate::source::{self, Purpose, floor, log_identity};

/// Up to where an audit log may be deleted.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"source": "shop", "up_to_event_id": "10412", "detail": "every event up to it has landed, and no transaction can still commit one"}))]
pub struct Purge {
    /// Its name: the pipeline's.
    pub source: String,
    /// Events with this id and lower ones may be deleted; `null` where that is not known.
    pub up_to_event_id: Option<String>,
    /// Why.
    pub detail: String,
}

/// Finds up to which event a log may be deleted: the lowest event that one of its pipelines has read up to. Gives none
/// if the log is no longer the one that they read.
pub async fn safe_to_purge(app: &App, definition: &Definition) -> Result<Purge> {
    let purge = |up_to_event_id: Option<i64>, detail: String| Purge {
        source: definition.name.clone(),
        up_to_event_id: up_to_event_id.map(|event| event.to_string()),
        detail,
    };
    let SourceDefinition::PostgresAuditLog {
        connection, table, ..
    } = &definition.source
    else {
        return Ok(purge(None, "this source has no log to delete from".into()));
    };
    let own = app
        .store
        .cursor(&definition.name)
        .await?
        .map(|own| own.position);
    let read = own.as_ref().and_then(log_identity);
    let mut lowest: Option<i64> = None;
    // Also those that the caller may not see: what they have not read must stay.
    let readers = app.pipelines.all();
    let usable = readers.usable().map(|reader| {
        let is_named =
            reader.source.connection() == Some(connection) && reader.source.table() == Some(table);
        (reader.name.as_str(), is_named)
    });
    // A pipeline that is broken today must still read the rest of the log after its repair.
    let broken = readers.broken().map(|broken| (broken.name, false));
    for (reader, is_named) in usable.chain(broken) {
        let cursor = app.store.cursor(reader).await?;
        let position = cursor.map(|cursor| cursor.position);
        // Another connection may lead to the same log.
        let is_same = read.is_some() && position.as_ref().and_then(log_identity) == read;
        if !is_named && !is_same {
            continue;
        }
        let Some(floor) = position.as_ref().and_then(floor) else {
            if !app.pipelines.has(reader) {
                let reason = "another pipeline reads the log, and does not know it yet";
                return Ok(purge(None, reason.into()));
            }
            return Ok(purge(
                None,
                format!(
                    "pipeline `{reader}` does not know it yet: it takes two readings of a primary and the end of the transactions that were open at the first, ids from a sequence with `cache 1` that the user may see, and a user who sees when others began their transactions; `POST /v1/sources/{reader}/check` tells which is missing"
                ),
            ));
        };
        lowest = Some(lowest.map_or(floor, |lowest| lowest.min(floor)));
    }

    match is_same_log(app, definition, own.as_ref()).await {
        Ok(true) => {}
        Ok(false) => {
            let reason = "the user may not see the log's sequence, or it stands below what was read: set back, it gives ids again";
            return Ok(purge(None, reason.into()));
        }
        Err(error) => {
            let cause = causes(&error);
            tracing::warn!(source = definition.name, %error, cause, "it cannot be told what of a log may be deleted");
            let reason = format!("the log could not be looked at: {error}");
            return Ok(purge(None, reason));
        }
    }

    Ok(purge(
        lowest,
        "every event up to it has landed, and no transaction can still commit one".into(),
    ))
}

/// Whether a log is the one that was read: its sequence is seen, and stands at or above what was read.
async fn is_same_log(app: &App, definition: &Definition, position: Option<&Value>) -> Result<bool> {
    let connections = app.connections.for_calls();
    let mut source = source::open(definition, &connections, &app.drops, &app.store).await?;
    let reading = source.begin(position, None, Purpose::Look).await?;

    Ok(floor(&reading.position).is_some())
}
