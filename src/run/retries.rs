//! Decides when a failed run is retried, and how often.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rand::RngExt;
use uuid::Uuid;

use crate::error::Class;

/// Number of retries for faults other than an unreachable server.
const MAX_RETRIES: u32 = 3;
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// An attempt waits for a silent server for at most this long. Then its client gives the request up.
const MAX_SILENCE: Duration = Duration::from_secs(90);

/// The retries of the run that is executed.
#[derive(Debug)]
pub(super) struct Retries {
    /// How long a run waits for unreachable servers.
    max_wait: Duration,
    run: Uuid,
    run_began: Instant,
    /// Retries so far, by the class of the fault.
    counts: HashMap<Class, u32>,
    waited: Duration,
    /// Steps that are done, and batches that landed.
    progress: BTreeSet<String>,
}

/// An attempt that failed.
#[derive(Debug)]
pub(super) struct FailedAttempt {
    pub(super) run: Uuid,
    pub(super) class: Class,
    pub(super) lasted: Duration,
    /// Steps that are done, and batches that landed.
    pub(super) progress: BTreeSet<String>,
}

impl Retries {
    /// Runs wait for an unreachable server for at most `max_wait`. With zero, no run is retried.
    pub(super) fn new(max_wait: Duration) -> Self {
        Self {
            max_wait,
            run: Uuid::nil(),
            run_began: Instant::now(),
            counts: HashMap::new(),
            waited: Duration::ZERO,
            progress: BTreeSet::new(),
        }
    }

    /// When this service began the first attempt of a run. A run other than the last has retries of its own.
    pub(super) fn begin(&mut self, run: Uuid) -> Instant {
        if self.run != run {
            *self = Self {
                run,
                ..Self::new(self.max_wait)
            };
        }

        self.run_began
    }

    /// How long to wait before the next attempt of the run; `None` if it is not retried.
    ///
    /// An attempt with new progress shows that earlier faults are over, so the run gets all its retries again. This
    /// ends, because the work of a run is finite. Pauses double and vary by a quarter, so that services that lost the
    /// same server do not return together.
    pub(super) fn pause(&mut self, mut failed: FailedAttempt) -> Option<Duration> {
        self.begin(failed.run);
        if !failed.progress.is_subset(&self.progress) {
            self.counts.clear();
            self.waited = Duration::ZERO;
            self.progress.append(&mut failed.progress);
        }
        let (first_pause, max_retries) = match failed.class {
            Class::Away => (Duration::from_secs(1), u32::MAX),
            Class::Busy => (Duration::from_secs(10), MAX_RETRIES),
            Class::Broken | Class::Conflict => (Duration::from_secs(1), MAX_RETRIES),
            Class::Limit | Class::Fault | Class::Interrupted => return None,
        };
        let count = self.counts.entry(failed.class).or_default();
        let pause = first_pause
            .saturating_mul(1 << (*count).min(8))
            .min(MAX_PAUSE)
            .mul_f64(rand::rng().random_range(0.75..1.25));
        if failed.class == Class::Away {
            self.waited += failed.lasted.min(MAX_SILENCE) + pause;
        }
        if *count >= max_retries || self.waited > self.max_wait || self.max_wait.is_zero() {
            return None;
        }
        *count += 1;

        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(class: Class, lasted: u64, progress: &[&str]) -> FailedAttempt {
        FailedAttempt {
            run: Uuid::max(),
            class,
            lasted: Duration::from_secs(lasted),
            progress: progress.iter().map(ToString::to_string).collect(),
        }
    }

    fn retries(class: Class, lasted: u64, max_wait: u64) -> usize {
        let mut retries = Retries::new(Duration::from_secs(max_wait));

        (0..1_000)
            .map_while(|_| retries.pause(failed(class, lasted, &[])))
            .count()
    }

    #[test]
    fn what_is_away_is_waited_for_longest_and_faults_not_at_all() {
        assert!((10..20).contains(&retries(Class::Away, 0, 300)));
        assert_eq!(retries(Class::Broken, 0, 300), 3);
        assert_eq!(retries(Class::Busy, 0, 300), 3);
        assert_eq!(retries(Class::Limit, 0, 300), 0);
        assert_eq!(retries(Class::Fault, 0, 300), 0);
        assert_eq!(retries(Class::Away, 0, 0), 0);
    }

    #[test]
    fn a_server_that_takes_requests_and_is_silent_is_not_waited_for_without_an_end() {
        assert!((3..6).contains(&retries(Class::Away, 61, 300)));
        assert!((2..5).contains(&retries(Class::Away, 3_600, 300)));
    }

    #[test]
    fn a_fault_has_its_own_retries_and_new_progress_gives_them_back() {
        let mut retries = Retries::new(Duration::from_mins(5));
        let mut is_retried =
            |class, progress: &[&str]| retries.pause(failed(class, 0, progress)).is_some();
        for _ in 0..3 {
            assert!(is_retried(Class::Broken, &["extract"]));
            assert!(is_retried(Class::Away, &["extract"]));
        }
        assert!(!is_retried(Class::Broken, &["extract"]));
        for _ in 0..3 {
            assert!(is_retried(Class::Broken, &["stage.orders"]));
        }
        assert!(!is_retried(Class::Broken, &["stage.orders"]));
    }

    #[test]
    fn each_run_has_retries_of_its_own() {
        let mut retries = Retries::new(Duration::from_mins(5));
        for run in [Uuid::from_u128(1), Uuid::from_u128(2)] {
            let failed = || FailedAttempt {
                run,
                ..failed(Class::Conflict, 0, &[])
            };
            for _ in 0..3 {
                assert!(retries.pause(failed()).is_some());
            }
            assert!(retries.pause(failed()).is_none());
        }
    }
}
