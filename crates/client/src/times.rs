//! Times and durations: as people type them, and as they read them.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, Unit};

/// Reads a duration, such as `30s`, `5m`, `2h` or `7d`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let span: Span = text.parse().map_err(|_| wrong())?;
    let seconds = span
        .total((Unit::Second, SpanRelativeTo::days_are_24_hours()))
        .map_err(|_| wrong())?;

    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

fn wrong() -> String {
    "a duration is typed as `30s`, `5m`, `2h` or `7d`".to_owned()
}

/// Reads a time, such as `2026-01-01T12:00:00Z` or `2026-01-01`, or how long ago it was, such as `2h`. Days begin in UTC.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>()
        && let Ok(start) = day.to_zoned(jiff::tz::TimeZone::UTC)
    {
        return Ok(start.timestamp());
    }
    let ago = parse_duration(text)
        .ok()
        .and_then(|ago| SignedDuration::try_from(ago).ok());

    ago.and_then(|ago| Timestamp::now().checked_sub(ago).ok()).ok_or_else(|| {
        "a time is typed as `2026-01-01T12:00:00Z`, `2026-01-01`, or how long ago it was: `2h`, `7d`".to_owned()
    })
}

/// A time in UTC, to the second.
pub(crate) fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A duration in its two largest units: `2.3s`, `1m 05s`, `2h 03m`, `3d 04h`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is bounded, and for people"
)]
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, 1e12);
    if seconds < 59.95 {
        return format!("{seconds:.1}s");
    }
    let whole = seconds.round() as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}m {:02}s", whole % 60),
        (0, _) => format!("{hours}h {minutes:02}m"),
        _ => format!("{days}d {hours:02}h"),
    }
}

/// How long ago a time was, or how long it is until it comes.
pub(crate) fn age(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(time).as_secs_f64();
    let told = |seconds: f64| {
        let text = duration(seconds);
        // One unit is enough for an age.
        text.split([' ', '.']).next().map_or(text.clone(), |first| {
            if first.ends_with(|sign: char| sign.is_ascii_digit()) {
                format!("{first}s")
            } else {
                first.to_owned()
            }
        })
    };

    if seconds < 0.0 {
        format!("in {}", told(-seconds))
    } else {
        format!("{} ago", told(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!(parse_duration("30m"), Ok(Duration::from_mins(30)));
        assert_eq!(parse_duration("2d"), Ok(Duration::from_hours(48)));
        assert!(parse_duration("30").is_err());
        assert!(parse_duration("-5m").is_err());
    }

    #[test]
    fn times_are_read_in_three_forms() {
        let new_year: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");

        assert_eq!(parse_time("2026-01-01T01:00:00+01:00"), Ok(new_year));
        assert_eq!(parse_time("2026-01-01"), Ok(new_year));
        let ago = Timestamp::now().duration_since(parse_time("2h").expect("a time"));
        assert!((7_199..7_205).contains(&ago.as_secs()));
        assert!(parse_time("yesterday").is_err());
    }

    #[test]
    fn durations_are_told_in_two_units() {
        let told = [0.04, 2.34, 59.99, 65.0, 7_380.0, 273_600.0].map(duration);

        assert_eq!(
            told,
            ["0.0s", "2.3s", "1m 00s", "1m 05s", "2h 03m", "3d 04h"]
        );
    }

    #[test]
    fn ages_are_told_in_one_unit() {
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().expect("a time");
        let ages = [
            "2026-01-01T11:59:57Z",
            "2026-01-01T11:00:00Z",
            "2025-12-30T11:00:00Z",
            "2026-01-01T12:05:00Z",
        ]
        .map(|time| age(time.parse().expect("a time"), now));

        assert_eq!(ages, ["3s ago", "1h ago", "2d ago", "in 5m"]);
    }
}
