//! Looks again and again at how fresh tables and models are, and notes what changed.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::app::App;
use crate::error::{Error, Result, causes};
use crate::report::{self, Freshness, Subject};
use crate::state::SeenFreshness;
use crate::state::Status;

/// The shortest time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// With many tables, a look takes long. The pause after it is so many times longer.
const PAUSE_FACTOR: u32 = 10;

pub(super) async fn watch(app: App) {
    let mut is_fault_logged = false;
    loop {
        let began = Instant::now();
        match look(&app.at_present()).await {
            Ok(()) => is_fault_logged = false,
            Err(error) if !is_fault_logged => {
                is_fault_logged = true;
                let cause = causes(&error);
                tracing::warn!(%error, cause, "webhooks are not told of freshness");
            }
            Err(_) => {}
        }
        tokio::time::sleep(LOOK_INTERVAL.max(began.elapsed() * PAUSE_FACTOR)).await;
    }
}

async fn look(app: &App) -> Result<()> {
    for definition in app.pipelines.usable() {
        let subjects = Subject::all(definition);
        // By one clock, so that services agree, and before anything is read.
        let now = app.store.now().await?;
        let seen = report::freshness_at(app, &subjects, now).await?;
        for (subject, seen) in subjects.iter().zip(seen) {
            // One that was never built is no trouble yet.
            if seen.covered_until.is_some() {
                note(app, subject, &seen, now).await?;
            }
        }
    }

    Ok(())
}

async fn note(app: &App, subject: &Subject<'_>, seen: &Freshness, at: Timestamp) -> Result<()> {
    let status = match seen.status {
        Status::Pass => "pass",
        Status::Warn => "warn",
        Status::Error => "error",
        Status::Unknown => return Ok(()),
    };
    let seen = SeenFreshness {
        pipeline: &seen.pipeline,
        name: &subject.id().to_string(),
        status,
        at,
        data: serde_json::to_value(seen).map_err(Error::internal)?,
    };

    app.store.note_freshness(seen, &app.subscriptions).await
}
