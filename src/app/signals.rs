//! The signals between handlers, the worker and the runs of one service.

use tokio::sync::{Notify, watch};

use super::watched::Watched;

#[derive(Debug, Default)]
pub struct Signals {
    /// Wakes the worker, because a run waits.
    pub run_waits: Notify,
    /// Wakes the runs that are executed: one of them may have been cancelled.
    pub run_cancelled: Notify,
    /// The runs that callers wait for.
    pub watched: Watched,
    stopping: watch::Sender<bool>,
}

impl Signals {
    /// Wakes the worker and the watchers, because a run was queued.
    pub fn run_queued(&self) {
        self.run_waits.notify_one();
        self.watched.ring();
    }

    /// Wakes the executing runs and the watchers, because a caller asked for the end of a run.
    pub fn cancel_requested(&self) {
        self.run_cancelled.notify_waiters();
        self.watched.ring();
    }

    /// Makes the service end. Says whether it was about to end already.
    pub fn stop(&self) -> bool {
        self.stopping.send_replace(true)
    }

    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Resolves when the service is about to end.
    pub async fn stops(&self) {
        // The sender lives as long as the service; its end is a stop as well.
        let _ = self
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }
}
