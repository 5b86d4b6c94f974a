//! How often, and after which pauses, a run is tried again that failed by a fault that passes.

use std::time::{Duration, Instant};

use rand::RngExt;
use uuid::Uuid;

use crate::error::Class;

/// A fault that is not of a server that is away comes again so often before it counts.
const FEW: u32 = 3;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The tries of the run that is executed.
#[derive(Debug)]
pub(super) struct Patience {
    longest: Duration,
    tries: u32,
    since: Option<(Uuid, Instant)>,
}

impl Patience {
    /// Has runs tried again for at most `longest`.
    pub(super) fn new(longest: Duration) -> Self {
        Self {
            longest,
            tries: 0,
            since: None,
        }
    }

    /// How long to wait before the next attempt of a run that failed; `None` where there is to be none.
    ///
    /// Pauses double, and differ by a quarter, so that services that lost the same server do not come back together.
    pub(super) fn pause(&mut self, run: Uuid, class: Class) -> Option<Duration> {
        let first = match self.since {
            Some((known, first)) if known == run => first,
            _ => {
                self.tries = 0;
                self.since = Some((run, Instant::now()));
                Instant::now()
            }
        };
        let (begin, most) = match class {
            Class::Away => (Duration::from_secs(1), u32::MAX),
            Class::Busy => (Duration::from_secs(10), FEW),
            Class::Broken | Class::Conflict => (Duration::from_secs(1), FEW),
            Class::Limit | Class::Fault | Class::Interrupted => return None,
        };
        let doubled = begin.saturating_mul(1 << self.tries.min(8));
        let pause = doubled
            .min(LONGEST_PAUSE)
            .mul_f64(rand::rng().random_range(0.75..1.25));
        if self.tries >= most || first.elapsed() + pause > self.longest {
            return None;
        }
        self.tries += 1;

        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_away_is_waited_for_longest_and_faults_not_at_all() {
        let run = Uuid::nil();
        let pauses = |class: Class, longest: u64| {
            let mut patience = Patience::new(Duration::from_secs(longest));
            (0..100).map_while(|_| patience.pause(run, class)).count()
        };

        assert_eq!(pauses(Class::Away, 300), 100);
        assert_eq!(pauses(Class::Broken, 300), 3);
        assert_eq!(pauses(Class::Busy, 300), 3);
        assert_eq!(pauses(Class::Limit, 300), 0);
        assert_eq!(pauses(Class::Fault, 300), 0);
        assert_eq!(pauses(Class::Away, 0), 0);
    }

    #[test]
    fn each_run_has_tries_of_its_own() {
        let mut patience = Patience::new(Duration::from_mins(5));
        for run in [Uuid::nil(), Uuid::max()] {
            for _ in 0..3 {
                assert!(patience.pause(run, Class::Conflict).is_some());
            }
            assert!(patience.pause(run, Class::Conflict).is_none());
        }
    }
}
