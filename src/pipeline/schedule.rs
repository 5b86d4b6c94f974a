//! When runs of a pipeline start by themselves: `schedule` and `timezone` of `pipeline.yaml`.

use std::time::Duration;

use cronexpr::{Crontab, MakeTimestamp, parse_crontab};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::config::parse_duration;
use crate::error::did_you_mean;

/// 2 January 2026, a Friday, in seconds since 1970.
const LOOKED_FROM: i64 = 1_767_312_000;
/// More than a year later.
const LOOKED_UNTIL: i64 = LOOKED_FROM + 400 * 86_400;
/// So many times are looked at. A schedule of each minute begins again after 1,440.
const LOOKED_AT: usize = 1_500;
const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_hours(366 * 24);
/// Names in the database of zones that are no zones: the machine's own, and one for machines that were not set up.
const NO_ZONES: [&str; 3] = ["factory", "localtime", "posixrules"];
const HOW: &str = "write five fields such as `*/5 * * * *`, or `every 5m`";

/// A rule that gives the times of runs.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// As it is written.
    pub times: String,
    /// Only of cron's form.
    pub timezone: Option<String>,
    /// Both: another text is another schedule.
    pub text: String,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    /// At the multiples of this time since 1970.
    Every(Duration),
    /// In a zone. With fixed hours, the times are those of its clocks: one that the clocks skip comes when they have moved, and one that
    /// they show twice comes once.
    Cron {
        cron: Box<Crontab>,
        zone: TimeZone,
        has_fixed_hours: bool,
    },
}

impl Schedule {
    /// Reads `*/5 * * * *` in a time zone of IANA, `UTC` if none is given, or `every 5m`.
    ///
    /// # Errors
    ///
    /// A sentence with the right form.
    pub(super) fn read(text: &str, timezone: Option<&str>) -> Result<Self, String> {
        let zone = timezone.unwrap_or("UTC");
        if let Some(every) = text.trim().strip_prefix("every ") {
            let right = parse_duration(every).filter(|every| (LEAST..=MOST).contains(every));
            let every = right.ok_or_else(|| {
                format!("`schedule` is `{text}`; write a time between `every 1s` and `every 366d`")
            })?;
            if timezone.is_some() {
                return Err(format!(
                    "`timezone` has no meaning with `schedule: {text}`; remove it, or write five fields of cron"
                ));
            }
            return Ok(Self {
                times: text.trim().to_owned(),
                timezone: None,
                text: text.trim().to_owned(),
                rule: Rule::Every(every),
            });
        }
        let is_zone = !NO_ZONES.contains(&zone.to_lowercase().as_str());
        let Some(kept_in) = TimeZone::get(zone).ok().filter(|_| is_zone) else {
            let zones = jiff::tz::db();
            let names: Vec<String> = zones.available().map(|name| name.to_string()).collect();
            let near = did_you_mean(zone, names.iter().map(String::as_str));
            return Err(format!(
                "`timezone` is `{zone}`, which is no time zone of IANA such as `Europe/Berlin`{near}"
            ));
        };
        if text.split_whitespace().count() != 5 {
            return Err(format!("`schedule` is `{text}`; {HOW}"));
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        if fields[2].contains(['L', 'l']) || fields[4].contains(['L', 'l']) {
            return Err(format!(
                "`schedule` is `{text}`; `L` is not supported, write a day such as `28`"
            ));
        }
        let whole = format!("{text} {zone}");
        let has_fixed_hours = fields[1].chars().all(|c| c.is_ascii_digit() || c == ',');
        let searched_in = if has_fixed_hours { "UTC" } else { zone };
        let cron = parse_crontab(&format!("{text} {searched_in}")).map_err(|_| {
            format!("`schedule` is `{text}`, and one of its fields has no such value; {HOW}")
        })?;
        let schedule = Self {
            times: text.trim().to_owned(),
            timezone: Some(zone.to_owned()),
            text: whole,
            rule: Rule::Cron {
                cron: Box::new(cron),
                zone: kept_in,
                has_fixed_hours,
            },
        };
        if schedule.after(Timestamp::now()).is_none() {
            return Err(format!(
                "`schedule` is `{text}`, which names no time; {HOW}"
            ));
        }

        Ok(schedule)
    }

    /// The first of its times after another one; `None` if there is none.
    #[must_use]
    pub fn after(&self, time: Timestamp) -> Option<Timestamp> {
        match &self.rule {
            Rule::Every(every) => {
                let every = i64::try_from(every.as_millis()).ok()?;
                let whole = time.as_millisecond().div_euclid(every) + 1;
                Timestamp::from_millisecond(whole.checked_mul(every)?).ok()
            }
            Rule::Cron {
                cron,
                zone,
                has_fixed_hours: true,
            } => after_by_clock(cron, zone, time),
            Rule::Cron { cron, .. } => {
                let next = cron.find_next(MakeTimestamp(time)).ok()?;
                Some(next.timestamp())
            }
        }
    }

    /// The longest pause between two of its times; `None` if it has only one. Looks at times from a Friday on: many schedules pause at
    /// night and over the weekend. Every service finds the same, whenever it starts.
    #[must_use]
    pub fn longest_pause(&self) -> Option<Duration> {
        if let Rule::Every(every) = self.rule {
            return Some(every);
        }
        let friday = Timestamp::from_second(LOOKED_FROM).ok()?;
        let mut last = self.after(friday)?;
        let mut longest = None;
        for _ in 0..LOOKED_AT {
            let Some(next) = self.after(last) else { break };
            longest = longest.max(Duration::try_from(next.duration_since(last)).ok());
            last = next;
            if last.as_second() > LOOKED_UNTIL {
                break;
            }
        }

        longest
    }
}

/// The first time after another one that the clocks of a zone show. `cron` is read in UTC.
fn after_by_clock(cron: &Crontab, zone: &TimeZone, time: Timestamp) -> Option<Timestamp> {
    let in_utc = |shown: DateTime| shown.to_zoned(TimeZone::UTC).ok();
    // Clocks that were put back show earlier times again.
    let begin = zone
        .to_datetime(time)
        .checked_sub(SignedDuration::from_hours(3))
        .ok()?;
    let mut shown = in_utc(begin)?.timestamp();
    loop {
        let next = cron.find_next(MakeTimestamp(shown)).ok()?;
        let moment = zone.to_ambiguous_zoned(next.datetime()).compatible().ok()?;
        if moment.timestamp() > time {
            return Some(moment.timestamp());
        }
        shown = next.timestamp();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn next(schedule: &str, timezone: Option<&str>, after: &str) -> String {
        let schedule = Schedule::read(schedule, timezone).expect("a schedule");

        schedule.after(time(after)).expect("a time").to_string()
    }

    #[test]
    fn a_schedule_is_kept_in_its_time_zone_through_a_change_of_clocks() {
        let berlin = Some("Europe/Berlin");
        assert_eq!(
            next("0 2 * * *", None, "2026-01-01T02:00:00Z"),
            "2026-01-02T02:00:00Z"
        );
        assert_eq!(
            next("0 6 * * *", berlin, "2026-03-28T12:00:00Z"),
            "2026-03-29T04:00:00Z"
        );
        assert_eq!(
            next("0 6 * * *", berlin, "2026-03-27T12:00:00Z"),
            "2026-03-28T05:00:00Z"
        );
    }

    #[test]
    fn a_time_that_clocks_skip_or_show_twice_comes_once() {
        let berlin = Some("Europe/Berlin");
        // On 29 March 2026 the clocks go from 2:00 to 3:00, on 25 October from 3:00 to 2:00.
        let night = "30 2 * * *";
        assert_eq!(
            next(night, berlin, "2026-03-28T12:00:00Z"),
            "2026-03-29T01:30:00Z"
        );
        assert_eq!(
            next(night, berlin, "2026-03-29T01:30:00Z"),
            "2026-03-30T00:30:00Z"
        );
        assert_eq!(
            next(night, berlin, "2026-10-24T12:00:00Z"),
            "2026-10-25T00:30:00Z"
        );
        assert_eq!(
            next(night, berlin, "2026-10-25T00:30:00Z"),
            "2026-10-26T01:30:00Z"
        );
        let each = "*/30 * * * *";
        assert_eq!(
            next(each, berlin, "2026-10-25T00:30:00Z"),
            "2026-10-25T01:00:00Z"
        );
    }

    #[test]
    fn the_longest_pause_is_that_of_nights_and_weekends() {
        let pause = |text| {
            let schedule = Schedule::read(text, None).expect("a schedule");
            schedule.longest_pause().expect("a pause").as_secs()
        };
        assert_eq!(pause("every 5m"), 300);
        assert_eq!(pause("*/5 * * * *"), 300);
        assert_eq!(pause("0 6 * * *"), 24 * 3_600);
        assert_eq!(pause("* 9-17 * * 1-5"), (63 * 60 + 1) * 60);
    }

    #[test]
    fn every_time_is_a_multiple_so_that_all_replicas_agree() {
        assert_eq!(
            next("every 2m", None, "2026-01-01T00:00:01Z"),
            "2026-01-01T00:02:00Z"
        );
        assert_eq!(
            next("every 2m", None, "2026-01-01T00:02:00Z"),
            "2026-01-01T00:04:00Z"
        );
    }

    #[test]
    fn a_wrong_schedule_is_answered_with_the_right_form() {
        for (text, zone, expected) in [
            ("* * * *", None, "five fields"),
            ("61 * * * *", None, "five fields"),
            ("0 0 30 2 *", None, "names no time"),
            ("0 0 L * *", None, "not supported"),
            ("every 0s", None, "every 1s"),
            ("every 5", None, "every 1s"),
            ("every 5m", Some("UTC"), "remove it"),
            ("0 0 * * *", Some("localtime"), "no time zone of IANA"),
            (
                "0 0 * * *",
                Some("Europe/Berln"),
                "did you mean `Europe/Berlin`?",
            ),
        ] {
            let fault = Schedule::read(text, zone).expect_err("no schedule");
            assert!(fault.contains(expected), "{fault}");
        }
    }
}
