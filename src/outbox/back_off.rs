//! When a message is sent again.

use std::time::Duration;

use rand::RngExt;

/// The pause after the first failed try. Each further pause is [`FACTOR`] times as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const FACTOR: u32 = 5;
const LONGEST_PAUSE: Duration = Duration::from_hours(4);
/// How long a message is tried.
pub(super) const TRIED_FOR: Duration = Duration::from_hours(24);
/// So much shorter or longer is each pause, so that messages that failed together do not come back together.
const JITTER: f64 = 0.2;

/// The pause after a number of failed tries: about 1 s, 5 s, 25 s, 2 min, 10 min, 52 min, then 4 h. A receiver may ask
/// for a longer one. `None`: the message is old enough to be given up.
pub(super) fn pause(tries: i32, age: Duration, asked: Option<Duration>) -> Option<Duration> {
    let steps = u32::try_from(tries.saturating_sub(1)).unwrap_or(0);
    let pause = FACTOR
        .checked_pow(steps)
        .and_then(|times| FIRST_PAUSE.checked_mul(times))
        .unwrap_or(LONGEST_PAUSE)
        .min(LONGEST_PAUSE)
        .mul_f64(rand::rng().random_range(1.0 - JITTER..1.0 + JITTER));
    let asked = asked.unwrap_or_default().min(LONGEST_PAUSE);

    let pause = pause.max(asked);

    (age + pause <= TRIED_FOR).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_for_a_day_with_growing_pauses() {
        let mut age = Duration::ZERO;
        let mut pauses = Vec::new();
        while let Some(pause) = pause(i32::try_from(pauses.len()).expect("few") + 1, age, None) {
            age += pause;
            pauses.push(pause.as_secs_f64());
        }

        let near = |pause: f64, usual: f64| (usual * 0.79..usual * 1.21).contains(&pause);
        assert!(near(pauses[0], 1.0) && near(pauses[1], 5.0), "{pauses:?}");
        assert!(near(pauses[6], 4.0 * 3600.0), "{pauses:?}");
        assert!((10..=13).contains(&pauses.len()), "{pauses:?}");
        assert!(age > Duration::from_hours(19), "{pauses:?}");
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_but_not_for_too_long_a_one() {
        let pause = |asked| pause(1, Duration::ZERO, Some(asked)).expect("a pause");
        assert_eq!(pause(Duration::from_mins(1)), Duration::from_mins(1));
        assert_eq!(pause(Duration::from_hours(99)), LONGEST_PAUSE);
        assert!(pause(Duration::ZERO) > Duration::ZERO);
        let late = super::pause(1, Duration::from_hours(23), Some(LONGEST_PAUSE));
        assert_eq!(late, None);
    }
}
