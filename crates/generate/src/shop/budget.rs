//! How much may still be written, and how fast.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// With a rate, a writer takes at most this part of a second's events at once.
const SMOOTHNESS: u64 = 4;

/// The events that all writers share. A writer takes them before it writes, and gives back those that it did not write.
pub(super) struct EventBudget {
    /// Without `--rows`, this is more than writers can reach.
    left: AtomicU64,
    end: Option<Instant>,
    rate: Option<u32>,
    next: Mutex<Instant>,
}

impl EventBudget {
    pub(super) fn new(events: Option<u64>, duration: Option<Duration>, rate: Option<u32>) -> Self {
        let now = Instant::now();
        Self {
            left: AtomicU64::new(events.unwrap_or(u64::MAX)),
            end: duration.and_then(|duration| now.checked_add(duration)),
            rate,
            next: Mutex::new(now),
        }
    }

    /// Takes up to `wanted` events, and waits until they are due. `None`: the work is done.
    ///
    /// None are left over: a writer that gives some back takes again.
    pub(super) async fn take(&self, wanted: u64) -> Option<u64> {
        let wanted = match self.rate {
            Some(rate) => wanted.min(u64::from(rate) / SMOOTHNESS).max(1),
            None => wanted,
        };
        let left = self
            .left
            .update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.saturating_sub(wanted)
            });
        let taken = wanted.min(left);
        self.wait_for(taken).await;
        (taken > 0 && self.end.is_none_or(|end| Instant::now() < end)).then_some(taken)
    }

    pub(super) fn give_back(&self, events: u64) {
        self.left.fetch_add(events, Ordering::Relaxed);
    }

    async fn wait_for(&self, events: u64) {
        let Some(rate) = self.rate else { return };
        let due = {
            let mut next = self.next.lock().await;
            // A database that was too slow for the rate is not hurried afterwards.
            let due = (*next).max(Instant::now());
            #[expect(
                clippy::cast_precision_loss,
                reason = "numbers of events of one transaction are small"
            )]
            let share = Duration::from_secs_f64(events as f64 / f64::from(rate.max(1)));
            *next = due + share;
            due
        };
        sleep_until(self.end.map_or(due, |end| end.min(due))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_are_taken_until_none_are_left() {
        let budget = EventBudget::new(Some(10), None, None);
        assert_eq!(budget.take(7).await, Some(7));
        assert_eq!(budget.take(7).await, Some(3));
        assert_eq!(budget.take(7).await, None);
        budget.give_back(2);
        assert_eq!(budget.take(7).await, Some(2));
    }

    #[tokio::test]
    async fn a_rate_is_kept_from_the_first_event_on() {
        let budget = EventBudget::new(Some(50), None, Some(100));
        let start = Instant::now();
        while budget.take(10).await.is_some() {}
        assert!(
            (400..900).contains(&start.elapsed().as_millis()),
            "{:?}",
            start.elapsed()
        );
    }
}
