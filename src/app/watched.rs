//! The runs that callers wait for. One look at the state database serves all callers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::state::RunProgress;

#[derive(Debug, Default)]
pub struct Watched {
    runs: Mutex<HashMap<Uuid, watch::Sender<Option<RunProgress>>>>,
    bell: Notify,
}

impl Watched {
    /// Watches a run for as long as the caller keeps the receiver.
    pub fn watch(&self, id: Uuid) -> watch::Receiver<Option<RunProgress>> {
        let receiver = self.lock().entry(id).or_default().subscribe();
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
        runs.retain(|_, watchers| watchers.receiver_count() > 0);

        runs.keys().copied().collect()
    }

    /// Hands the progress of a run to its watchers, if it is new.
    pub fn tell(&self, progress: RunProgress) {
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
