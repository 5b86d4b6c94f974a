//! How often, and after which pauses, a run is tried again that failed by a fault that passes.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rand::RngExt;
use uuid::Uuid;

use crate::error::Class;

/// A fault that is not of a server that is away comes again so often before it counts.
const FEW: u32 = 3;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Of an attempt that ended because a server was away, no more than so much was spent on waiting for it: then a request is given up.
const SILENT: Duration = Duration::from_secs(90);

/// The tries of the run that is executed.
#[derive(Debug)]
pub(super) struct Patience {
    longest: Duration,
    run: Uuid,
    begun: Instant,
    tries: HashMap<Class, u32>,
    /// What was spent on waiting for servers that were away.
    waited: Duration,
    /// What the run has done so far: steps, and batches that landed.
    done: BTreeSet<String>,
}

impl Patience {
    /// Has runs wait for a server that is away for at most `longest`; where that is nothing, none is tried again.
    pub(super) fn new(longest: Duration) -> Self {
        Self {
            longest,
            run: Uuid::nil(),
            begun: Instant::now(),
            tries: HashMap::new(),
            waited: Duration::ZERO,
            done: BTreeSet::new(),
        }
    }

    /// When the first attempt of a run began here.
    pub(super) fn begun(&mut self, run: Uuid) -> Instant {
        if self.run != run {
            *self = Self {
                run,
                ..Self::new(self.longest)
            };
        }

        self.begun
    }

    /// How long to wait before the next attempt of a run whose last one failed after `lasted`, with what it had `done`; `None` where there is
    /// to be none.
    ///
    /// Who does something that was not done before has shown that the faults before are over: that ends, because there is only so much to do.
    /// Pauses double, and differ by a quarter, so that services that lost the same server do not come back together.
    pub(super) fn pause(
        &mut self,
        run: Uuid,
        (class, lasted): (Class, Duration),
        mut done: BTreeSet<String>,
    ) -> Option<Duration> {
        self.begun(run);
        if !done.is_subset(&self.done) {
            self.tries.clear();
            self.waited = Duration::ZERO;
            self.done.append(&mut done);
        }
        let (begin, most) = match class {
            Class::Away => (Duration::from_secs(1), u32::MAX),
            Class::Busy => (Duration::from_secs(10), FEW),
            Class::Broken | Class::Conflict => (Duration::from_secs(1), FEW),
            Class::Limit | Class::Fault | Class::Interrupted => return None,
        };
        let tries = self.tries.entry(class).or_default();
        let pause = begin
            .saturating_mul(1 << (*tries).min(8))
            .min(LONGEST_PAUSE)
            .mul_f64(rand::rng().random_range(0.75..1.25));
        if class == Class::Away {
            self.waited += lasted.min(SILENT) + pause;
        }
        if *tries >= most || self.waited > self.longest || self.longest.is_zero() {
            return None;
        }
        *tries += 1;

        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Uuid = Uuid::max();

    fn tries(class: Class, lasted: u64, longest: u64) -> usize {
        let mut patience = Patience::new(Duration::from_secs(longest));
        let failed = (class, Duration::from_secs(lasted));

        (0..1_000)
            .map_while(|_| patience.pause(RUN, failed, BTreeSet::new()))
            .count()
    }

    #[test]
    fn what_is_away_is_waited_for_longest_and_faults_not_at_all() {
        assert!((10..20).contains(&tries(Class::Away, 0, 300)));
        assert_eq!(tries(Class::Broken, 0, 300), 3);
        assert_eq!(tries(Class::Busy, 0, 300), 3);
        assert_eq!(tries(Class::Limit, 0, 300), 0);
        assert_eq!(tries(Class::Fault, 0, 300), 0);
        assert_eq!(tries(Class::Away, 0, 0), 0);
    }

    #[test]
    fn a_server_that_takes_requests_and_is_silent_is_not_waited_for_without_an_end() {
        assert!((3..6).contains(&tries(Class::Away, 61, 300)));
        assert!((2..5).contains(&tries(Class::Away, 3_600, 300)));
    }

    #[test]
    fn a_fault_has_its_own_tries_and_what_is_newly_done_gives_them_back() {
        let mut patience = Patience::new(Duration::from_mins(5));
        let mut fails = |class: Class, done: &[&str]| {
            let done = done.iter().map(ToString::to_string).collect();
            patience.pause(RUN, (class, Duration::ZERO), done).is_some()
        };
        for _ in 0..3 {
            assert!(fails(Class::Broken, &["extract"]));
            assert!(fails(Class::Away, &["extract"]));
        }
        assert!(!fails(Class::Broken, &["extract"]));
        for _ in 0..3 {
            assert!(fails(Class::Broken, &["stage.orders"]));
        }
        assert!(!fails(Class::Broken, &["stage.orders"]));
    }

    #[test]
    fn each_run_has_tries_of_its_own() {
        let mut patience = Patience::new(Duration::from_mins(5));
        for run in [Uuid::from_u128(1), Uuid::from_u128(2)] {
            let failed = (Class::Conflict, Duration::ZERO);
            for _ in 0..3 {
                assert!(patience.pause(run, failed, BTreeSet::new()).is_some());
            }
            assert!(patience.pause(run, failed, BTreeSet::new()).is_none());
        }
    }
}
