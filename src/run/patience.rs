//! How often, and after which pauses, a run is tried again that failed by a fault that passes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rand::RngExt;
use uuid::Uuid;

use crate::error::Class;

/// A fault that is not of a server that is away comes again so often before it counts.
const FEW: u32 = 3;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An attempt that went well for so long has shown that the faults before it are over.
const OVER: Duration = Duration::from_mins(1);

/// The tries of the run that is executed.
#[derive(Debug)]
pub(super) struct Patience {
    longest: Duration,
    run: Uuid,
    tries: HashMap<Class, u32>,
    away_since: Option<Instant>,
}

impl Patience {
    /// Has runs wait for a server that is away for at most `longest`; where that is nothing, none is tried again.
    pub(super) fn new(longest: Duration) -> Self {
        Self {
            longest,
            run: Uuid::nil(),
            tries: HashMap::new(),
            away_since: None,
        }
    }

    /// How long to wait before the next attempt of a run whose last one failed after `lasted`; `None` where there is to be none.
    ///
    /// Pauses double, and differ by a quarter, so that services that lost the same server do not come back together.
    pub(super) fn pause(&mut self, run: Uuid, class: Class, lasted: Duration) -> Option<Duration> {
        if self.run != run || lasted > OVER {
            self.run = run;
            self.tries.clear();
            self.away_since = None;
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
        let is_late = class == Class::Away
            && self.away_since.get_or_insert_with(Instant::now).elapsed() + pause > self.longest;
        if *tries >= most || is_late || self.longest.is_zero() {
            return None;
        }
        *tries += 1;

        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_away_is_waited_for_longest_and_faults_not_at_all() {
        let run = Uuid::max();
        let pauses = |class: Class, longest: u64| {
            let mut patience = Patience::new(Duration::from_secs(longest));
            (0..100)
                .map_while(|_| patience.pause(run, class, Duration::ZERO))
                .count()
        };

        assert_eq!(pauses(Class::Away, 300), 100);
        assert_eq!(pauses(Class::Broken, 300), 3);
        assert_eq!(pauses(Class::Busy, 300), 3);
        assert_eq!(pauses(Class::Limit, 300), 0);
        assert_eq!(pauses(Class::Fault, 300), 0);
        assert_eq!(pauses(Class::Away, 0), 0);
    }

    #[test]
    fn a_fault_has_its_own_tries_and_an_attempt_that_went_well_gives_them_back() {
        let run = Uuid::max();
        let mut patience = Patience::new(Duration::from_mins(5));
        for lasted in [0, 0, 0, 61, 0, 0] {
            let lasted = Duration::from_secs(lasted);
            assert!(patience.pause(run, Class::Broken, lasted).is_some());
            assert!(patience.pause(run, Class::Away, Duration::ZERO).is_some());
        }
        assert!(patience.pause(run, Class::Broken, Duration::ZERO).is_none());
    }

    #[test]
    fn each_run_has_tries_of_its_own() {
        let mut patience = Patience::new(Duration::from_mins(5));
        for run in [Uuid::from_u128(1), Uuid::from_u128(2)] {
            for _ in 0..3 {
                assert!(
                    patience
                        .pause(run, Class::Conflict, Duration::ZERO)
                        .is_some()
                );
            }
            assert!(
                patience
                    .pause(run, Class::Conflict, Duration::ZERO)
                    .is_none()
            );
        }
    }
}
