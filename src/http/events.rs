//! `/v1/runs/{run_id}/events`: the events of a run, as they happen.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt, stream};
use serde_json::Value;
use tokio::sync::watch;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::access::Granted;
use super::caller_places::CallerPlace;
use super::read::Path;
use super::runs::RunPath;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::state::{RunEvent, RunProgress};
use crate::time;

const LAST_EVENT: &str = "Last-Event-ID";
/// Proxies close a connection that is silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const PAGE: i64 = 100;

/// The header with the last event that a client has seen.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only the document needs it")]
struct Seen {
    /// Only events after the one with this `id`.
    #[param(
        rename = "Last-Event-ID",
        pattern = "^[0-9]{1,18}$",
        example = "2",
        required = false
    )]
    last: Option<String>,
}

/// An event of a run.
#[derive(ToSchema)]
#[schema(example = json!({"id": "2", "event": "run", "data": "{\"state\":\"running\",\"attempt\":1,\"occurred_at\":\"2026-01-01T12:00:00.100000Z\"}"}))]
#[expect(dead_code, reason = "only the document needs it")]
struct Message {
    /// The event's number; `progress` has none.
    #[schema(value_type = String, required = false)]
    id: Option<String>,
    /// What it tells.
    event: EventName,
    /// What happened, as JSON.
    data: String,
}

/// What an event tells.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only the document needs it")]
enum EventName {
    /// A new state or attempt of the run: `{state, attempt, error, occurred_at}`.
    Run,
    /// The begin or end of a step: `{step, state, attempt, counts, error, occurred_at}`.
    Step,
    /// Trino's progress: `{statements: [{step, trino_table, progress}]}`.
    Progress,
}

/// Follow a run: server-sent events until it ends.
///
/// An event `run` tells a new state or attempt, `step` the begin or end of a step; both have a number as `id`. About once a second, `progress` tells
/// Trino's progress. After a lost connection, send the last `id` as `Last-Event-ID` to miss nothing. The stream ends with the run.
#[utoipa::path(
    get, path = "/v1/runs/{run_id}/events", tag = "runs",
    params(RunPath, Seen),
    responses(
        (status = OK, description = "The events", body = Message, content_type = "text/event-stream"),
        Problem,
    ),
)]
pub(super) async fn follow_run(
    Granted(app): Granted,
    Path(RunPath { run_id }): Path<RunPath>,
    Extension(place): Extension<CallerPlace>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let after = after(&headers)?;
    app.store.run(run_id).await?;
    let following = Following {
        run: app.signals.watched.watch(run_id),
        app,
        run_id,
        after,
        statements: Value::Array(Vec::new()),
        has_ended: false,
        _place: place,
    };
    let events = stream::unfold(following, Following::next).flat_map(stream::iter);

    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The number of the last event that the client has seen; 0 without the header.
fn after(headers: &HeaderMap) -> Result<i64> {
    let Some(given) = headers.get(LAST_EVENT) else {
        return Ok(0);
    };
    let number = given.to_str().ok().and_then(|text| text.parse().ok());

    number
        .filter(|number| *number >= 0)
        .ok_or_else(|| Error::Invalid {
            field: LAST_EVENT.into(),
            detail: format!(
                "`{LAST_EVENT}` must be the `id` of an event of this run: 0 or a higher whole number"
            ),
        })
}

/// One client that follows a run.
struct Following {
    app: App,
    run_id: Uuid,
    run: watch::Receiver<Option<RunProgress>>,
    after: i64,
    /// The statements under way, as sent to the client last.
    statements: Value,
    has_ended: bool,
    _place: CallerPlace,
}

type Events = Vec<Result<Event, Infallible>>;

impl Following {
    /// Waits for something new; `None` at the end of the run or of the service.
    async fn next(mut self) -> Option<(Events, Self)> {
        if self.has_ended {
            return None;
        }
        let known = self.after;
        let progress = tokio::select! {
            () = self.app.signals.stops() => return None,
            progress = self.run.wait_for(|progress| progress.as_ref().is_some_and(|progress| {
                progress.last_event > known || progress.state.is_terminal() || progress.statements != self.statements
            })) => progress.ok()?.clone()?,
        };
        // While the state database is away, the client connects again with the last number that it has.
        // One read serves all who follow the run, so it waits for the turns of none.
        let store = self.app.store.clone().sharing(None);
        let read = async || store.run_events(self.run_id, known, PAGE).await;
        let watched = &self.app.signals.watched;
        let new_events = watched
            .events(self.run_id, known, progress.last_event, read)
            .await
            .ok()?;
        let mut events: Events = new_events.iter().map(|event| Ok(numbered(event))).collect();
        if let Some(last) = new_events.last() {
            self.after = last.number;
        }
        if progress.statements != self.statements {
            self.statements.clone_from(&progress.statements);
            let data = serde_json::json!({"statements": progress.statements});
            events.push(Ok(Event::default()
                .event("progress")
                .data(data.to_string())));
        }
        if progress.state.is_terminal() && self.after >= progress.last_event {
            let run = self.app.store.run(self.run_id).await.ok()?;
            self.has_ended = run.state.is_terminal();
            if !self.has_ended {
                // The run had ended, and somebody retried it since.
                tokio::select! {
                    () = self.app.signals.stops() => {}
                    changed = self.run.changed() => changed.ok()?,
                }
            }
        }

        Some((events, self))
    }
}

fn numbered(event: &RunEvent) -> Event {
    let mut data = event.data.clone();
    if let Value::Object(members) = &mut data {
        members.insert("occurred_at".to_owned(), time::text(event.at).into());
    }

    Event::default()
        .id(event.number.to_string())
        .event(&event.name)
        .data(data.to_string())
}
