//! `/v1/runs/{run_id}/events`: what happens to a run, as it happens.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt, stream};
use serde_json::Value;
use tokio::sync::watch;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::answer::PROBLEM_JSON;
use super::read::Path;
use super::runs::RunPath;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::state::{RunEvent, RunProgress};

const LAST_EVENT: &str = "Last-Event-ID";
/// Connections die when nothing comes for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const PAGE: i64 = 100;

/// What a client has seen.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only the document needs it")]
struct Seen {
    /// Only what happened after the event of this `id`.
    #[param(rename = "Last-Event-ID", value_type = i64, minimum = 0, example = 0, required = false)]
    last: Option<i64>,
}

/// An event of a run.
#[derive(ToSchema)]
#[schema(example = json!({"id": "2", "event": "run", "data": "{\"state\":\"running\",\"attempt\":1,\"at\":\"2026-01-01T12:00:00.1Z\"}"}))]
#[expect(dead_code, reason = "only the document needs it")]
struct Message {
    /// Its number; `progress` has none.
    #[schema(value_type = String, required = false)]
    id: Option<String>,
    /// `run`, `step` or `progress`.
    event: String,
    /// What happened, as JSON.
    data: String,
}

/// Follow a run: server-sent events until it has ended.
///
/// `run` when its state or attempt changes, `step` when one of its steps begins or ends, each with a number as `id`; `progress` about once a second
/// with what Trino works on. A client that comes again sends the last `id` as `Last-Event-ID` and misses nothing. After the run's end the stream ends.
#[utoipa::path(
    get, path = "/v1/runs/{run_id}/events", tag = "runs",
    params(RunPath, Seen),
    responses(
        (status = OK, description = "The events", body = Message, content_type = "text/event-stream"),
        (status = NOT_FOUND, description = "There is no such run", body = Problem, content_type = PROBLEM_JSON),
        Problem,
    ),
)]
pub(super) async fn follow_run(
    State(app): State<App>,
    Path(RunPath { run_id }): Path<RunPath>,
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
    };
    let events = stream::unfold(following, Following::next).flat_map(stream::iter);

    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The number that a client has seen, 0 where it has seen nothing.
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
                "`{LAST_EVENT}` must be the `id` of an event of this run, a whole number from 0 on"
            ),
        })
}

/// One client that follows a run.
struct Following {
    app: App,
    run_id: Uuid,
    run: watch::Receiver<Option<RunProgress>>,
    after: i64,
    /// What the client was told last of the statements under way.
    statements: Value,
    has_ended: bool,
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
        // Where the state database is away the client comes again, with the last number that it has.
        let told = self
            .app
            .store
            .run_events(self.run_id, self.after, PAGE)
            .await
            .ok()?;
        let mut events: Events = told.iter().map(|event| Ok(numbered(event))).collect();
        if let Some(last) = told.last() {
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
                // In the last look it was over, and is tried again since.
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
        members.insert("at".to_owned(), event.at.to_string().into());
    }

    Event::default()
        .id(event.number.to_string())
        .event(&event.name)
        .data(data.to_string())
}
