//! Pipelines with `poll`: a run starts by itself as soon as the source has something new.

use std::time::Duration;

use super::{Request, start};
use crate::app::App;
use crate::error::{Result, causes};
use crate::pipeline::Definition;
use crate::source::Opened;

/// A source that has nothing is asked more seldom, up to so many times `poll`.
const IDLE: u32 = 4;
/// A source that does not answer is asked after so long at the latest.
const AWAY: Duration = Duration::from_mins(1);

/// Asks a pipeline's source every `every`, for ever, and starts a run when there is something.
///
/// While a run waits or is active nothing is asked. Where there is nothing, the source is known to be covered up to now: freshness moves
/// without a batch.
pub(super) async fn poll(app: App, pipeline: String, every: Duration) {
    let mut pause = every;
    let mut was_away = false;
    loop {
        tokio::time::sleep(pause).await;
        let Ok(definition) = app.pipelines.get(&pipeline) else {
            return;
        };
        match look(&app, definition).await {
            Ok(Found::Something) => {
                pause = every;
                was_away = false;
            }
            Ok(Found::Nothing) => {
                pause = (pause + every / 2).min(every * IDLE);
                was_away = false;
            }
            Err(error) => {
                if !was_away {
                    let cause = causes(&error);
                    tracing::warn!(pipeline, %error, cause, "the source cannot be polled");
                }
                was_away = true;
                pause = (pause * 2).min(AWAY.max(every));
            }
        }
    }
}

enum Found {
    /// A run was started, or is under way.
    Something,
    Nothing,
}

async fn look(app: &App, definition: &Definition) -> Result<Found> {
    let store = &app.store;
    if store.waiting_pipelines().await?.contains(&definition.name) {
        return Ok(Found::Something);
    }
    let source = Opened::open(definition, &app.config, store).await?;
    let cursor = store.cursor(&definition.name).await?;
    let last = cursor.as_ref().map(|cursor| &cursor.position);
    let covered_before = cursor.as_ref().map(|cursor| cursor.covered_until);
    let reading = source.begin(last, covered_before).await?;
    let is_idle = reading.compared().next().is_none() && source.backlog(&reading, 1).await? == 0;
    let Some(cursor) = cursor.filter(|_| is_idle) else {
        start(app, definition, Request::default()).await?;
        return Ok(Found::Something);
    };
    store
        .cover(&definition.name, cursor.moved_at, reading.covered_until)
        .await?;

    Ok(Found::Nothing)
}
