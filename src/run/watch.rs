//! Callers that wait for runs: one look at the state database for all of them, however many they are.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::app::App;
use crate::error::Result;
use crate::state::{Run, RunProgress};

/// Runs that other services execute are looked at so often; of our own we hear at once.
const LOOK: Duration = Duration::from_millis(500);

/// The runs that somebody waits for.
#[derive(Debug, Default)]
pub struct Watched {
    runs: Mutex<HashMap<Uuid, watch::Sender<Option<RunProgress>>>>,
    bell: Notify,
}

impl Watched {
    /// Looks at a run from now on, as long as what this gives is kept.
    pub fn watch(&self, id: Uuid) -> watch::Receiver<Option<RunProgress>> {
        let watched = self.lock().entry(id).or_default().subscribe();
        self.ring();

        watched
    }

    /// Has the runs looked at without delay, because something happened to one of them.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// The runs that somebody still waits for; the others are forgotten.
    fn ids(&self) -> Vec<Uuid> {
        let mut runs = self.lock();
        runs.retain(|_, watchers| watchers.receiver_count() > 0);

        runs.keys().copied().collect()
    }

    fn tell(&self, progress: RunProgress) {
        if let Some(watchers) = self.lock().get(&progress.run) {
            watchers.send_if_modified(|known| {
                let is_new = known.as_ref() != Some(&progress);
                *known = Some(progress);
                is_new
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, watch::Sender<Option<RunProgress>>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at the runs that somebody waits for, for ever.
pub(super) async fn keep_watch(app: &App) {
    loop {
        let ids = app.watched.ids();
        if ids.is_empty() {
            app.watched.bell.notified().await;
            continue;
        }
        // While the state database is away nobody hears anything; callers hear of it when their wait is over.
        if let Ok(runs) = app.store.progress_of(&ids).await {
            for progress in runs {
                app.watched.tell(progress);
            }
        }
        let _ = tokio::time::timeout(LOOK, app.watched.bell.notified()).await;
    }
}

/// Gives a run as soon as it has ended, at the latest after `wait` or when the service is about to end.
pub async fn wait(app: &App, id: Uuid, wait: Duration) -> Result<Run> {
    let mut run = app.store.run(id).await?;
    if run.state.is_terminal() || wait.is_zero() {
        return Ok(run);
    }
    let until = tokio::time::Instant::now() + wait;
    let mut watched = app.watched.watch(id);
    loop {
        let ended = watched.wait_for(|run| run.as_ref().is_some_and(|run| run.state.is_terminal()));
        let is_over = tokio::select! {
            _ = ended => false,
            () = tokio::time::sleep_until(until) => true,
            () = stopped(app) => true,
        };
        run = app.store.run(id).await?;
        if run.state.is_terminal() || is_over {
            return Ok(run);
        }
        // In the last look it was over, and is tried again since.
        let _ = tokio::time::timeout_at(until, watched.changed()).await;
    }
}

/// Resolves shortly after the service was told to end, so that a caller who asks again and again does not do so without a pause.
async fn stopped(app: &App) {
    app.stops().await;
    tokio::time::sleep(LOOK).await;
}
