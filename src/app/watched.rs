//! The runs that callers wait for. One look at the state database serves all callers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::state::{RunEvent, RunProgress};

#[derive(Debug, Default)]
pub struct Watched {
    runs: Mutex<HashMap<Uuid, WatchedRun>>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct WatchedRun {
    progress: watch::Sender<Option<RunProgress>>,
    newest: Arc<tokio::sync::Mutex<EventPage>>,
}

/// The events that were read last. Those who follow a run mostly ask for the same.
#[derive(Debug, Default)]
struct EventPage {
    /// The number before the first event.
    after: i64,
    /// The number of the newest event when the page was read.
    until: i64,
    events: Arc<Vec<RunEvent>>,
    /// When the last read failed.
    failed_at: Option<Instant>,
}

impl Watched {
    /// Watches a run for as long as the caller keeps the receiver.
    pub fn watch(&self, id: Uuid) -> watch::Receiver<Option<RunProgress>> {
        let receiver = self.lock().entry(id).or_default().progress.subscribe();
        self.ring();

        receiver
    }

    /// Asks for a look at the runs now, because something happened to one of them.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// Resolves at the next [`Watched::ring`].
    pub async fn rung(&self) {
        self.bell.notified().await;
    }

    /// The runs that callers still wait for; forgets the others.
    pub fn ids(&self) -> Vec<Uuid> {
        let mut runs = self.lock();
        runs.retain(|_, run| run.progress.receiver_count() > 0);

        runs.keys().copied().collect()
    }

    /// Hands the progress of a run to its watchers, if it is new.
    pub fn tell(&self, progress: RunProgress) {
        if let Some(run) = self.lock().get(&progress.run) {
            run.progress.send_if_modified(|known| {
                let is_new = known.as_ref() != Some(&progress);
                *known = Some(progress);
                is_new
            });
        }
    }

    /// The events of a run after a number, read once for all who ask. `until` is the newest number that the caller knows of.
    ///
    /// # Errors
    ///
    /// Those of `read`. A read that fails fails for all who waited for it, so that they do not wait one after another.
    pub async fn events(
        &self,
        id: Uuid,
        after: i64,
        until: i64,
        read: impl AsyncFnOnce() -> Result<Vec<RunEvent>>,
    ) -> Result<Arc<Vec<RunEvent>>> {
        let newest = Arc::clone(&self.lock().entry(id).or_default().newest);
        let asked_at = Instant::now();
        let mut page = newest.lock().await;
        if page.after == after && page.until >= until {
            return Ok(Arc::clone(&page.events));
        }
        if page.failed_at.is_some_and(|failed_at| failed_at > asked_at) {
            return Err(Error::StateUnavailable(
                "the events could not be read a moment ago".into(),
            ));
        }
        let read = read().await;
        page.failed_at = read.is_err().then(Instant::now);
        let events = Arc::new(read?);
        *page = EventPage {
            after,
            until,
            events: Arc::clone(&events),
            failed_at: None,
        };

        Ok(events)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, WatchedRun>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
