//! Tasks that run beside the work of the service.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio::task::JoinSet;

/// The time until a task that panicked begins again.
const PAUSE: Duration = Duration::from_secs(1);

/// Tasks that end when this is dropped. One that panics is logged, and begins again.
#[derive(Debug, Default)]
pub struct Background(JoinSet<()>);

impl Background {
    /// Starts a task; `name` is what the log calls it.
    pub fn spawn<F>(&mut self, name: &'static str, task: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.spawn(async move {
            // A task keeps nothing in memory that a panic could leave half done: it begins with new values.
            while AssertUnwindSafe(task()).catch_unwind().await.is_err() {
                tracing::error!(task = name, "a task panicked; it begins again");
                tokio::time::sleep(PAUSE).await;
            }
        });
    }

    /// Waits until all tasks have ended by themselves.
    pub async fn ended(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_begins_again() {
        let begun = Arc::new(AtomicUsize::new(0));
        let mut tasks = Background::default();
        let counted = Arc::clone(&begun);
        tasks.spawn("count", move || {
            let counted = Arc::clone(&counted);
            async move { assert!(counted.fetch_add(1, Ordering::Relaxed) > 0, "a fault") }
        });

        tasks.ended().await;

        assert_eq!(begun.load(Ordering::Relaxed), 2);
    }
}
