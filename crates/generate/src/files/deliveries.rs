//! Which events a file carries: new ones, late ones, and repeated ones.
//!
//! Some readable file carries each event, up to the last file. The events of a broken file come again with the next one.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::GenerateFiles;
use super::defect::FileDefect;
use super::format::{Choice, Compression, Format};
use super::shipments::{ShipmentEvent, Shipments};
use crate::random::Random;

/// How many files later an event comes that is late or repeated.
const FILES_LATER: RangeInclusive<u64> = 1..=4;

pub(super) struct Delivery {
    pub(super) number: u64,
    pub(super) format: Format,
    pub(super) compression: Compression,
    /// With a defect, its events come again with the next file, and count as delivered there.
    pub(super) defect: Option<FileDefect>,
    pub(super) events: Vec<DeliveredEvent>,
}

#[derive(Clone)]
pub(super) struct DeliveredEvent {
    pub(super) event: ShipmentEvent,
    /// It comes after a later event, in a later file.
    pub(super) is_late: bool,
    /// It came before, in an earlier file.
    pub(super) is_repeated: bool,
}

/// The files of a seed, one after the other.
pub(super) struct Deliveries {
    random: Random,
    shipments: Shipments,
    rows_per_file: usize,
    late: f64,
    repeated: f64,
    broken: f64,
    formats: Choice<Format>,
    compressions: Choice<Compression>,
    number: u64,
    /// The highest sequence that was delivered.
    highest: i64,
    /// Events by the number of the file that they are kept for.
    kept: BTreeMap<u64, Vec<DeliveredEvent>>,
}

impl Deliveries {
    pub(super) fn new(args: &GenerateFiles) -> Self {
        Self {
            random: Random::new(args.seed.into(), args.extremes),
            shipments: Shipments::new(args.seed, args.weights),
            rows_per_file: usize::try_from(args.rows_per_file).unwrap_or(usize::MAX),
            late: args.late,
            repeated: args.repeated,
            broken: args.broken,
            formats: args.format.clone(),
            compressions: args.compression.clone(),
            number: 0,
            highest: 0,
            kept: BTreeMap::new(),
        }
    }

    /// Whether the seed has too few numbers left for another file.
    pub(super) fn are_used_up(&self) -> bool {
        usize::try_from(self.shipments.left()).unwrap_or(usize::MAX) < 2 * self.rows_per_file
    }

    /// Makes the next file. The last one is whole and leaves nothing undelivered.
    pub(super) fn next(&mut self, is_last: bool) -> Delivery {
        self.number += 1;
        let format = self.formats.draw(&mut self.random);
        let mut delivery = Delivery {
            number: self.number,
            format,
            compression: self.compressions.draw(&mut self.random),
            defect: None,
            events: self.events(is_last),
        };
        // A file without events has nothing to break.
        if self.random.chance(self.broken) && !is_last && !delivery.events.is_empty() {
            delivery.defect = Some(FileDefect::draw(format, &mut self.random));
            let next = self.kept.entry(self.number + 1).or_default();
            next.extend(delivery.events.iter().cloned());
        } else {
            self.deliver(&mut delivery.events, is_last);
        }
        delivery
    }

    /// The events that are due, and new ones but for those that will be late.
    fn events(&mut self, is_last: bool) -> Vec<DeliveredEvent> {
        let mut events: Vec<DeliveredEvent> = if is_last {
            std::mem::take(&mut self.kept)
                .into_values()
                .flatten()
                .collect()
        } else {
            self.kept.remove(&self.number).unwrap_or_default()
        };
        for _ in events.len()..self.rows_per_file {
            let event = DeliveredEvent {
                event: self.shipments.next(&mut self.random),
                is_late: false,
                is_repeated: false,
            };
            if self.random.chance(self.late) && !is_last {
                self.keep(event);
            } else {
                events.push(event);
            }
        }
        events
    }

    /// Marks the late events of a readable file, and draws which of its events will be repeated.
    fn deliver(&mut self, events: &mut [DeliveredEvent], is_last: bool) {
        let before = self.highest;
        for delivered in events {
            if delivered.is_repeated {
                continue;
            }
            let sequence = delivered.event.sequence;
            delivered.is_late = sequence < before;
            self.highest = self.highest.max(sequence);
            if self.random.chance(self.repeated) && !is_last {
                self.keep(DeliveredEvent {
                    event: delivered.event.clone(),
                    is_late: false,
                    is_repeated: true,
                });
            }
        }
    }

    fn keep(&mut self, event: DeliveredEvent) {
        let file = self.number + self.random.within(FILES_LATER);
        self.kept.entry(file).or_default().push(event);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn deliveries(late: f64, repeated: f64, broken: f64) -> Vec<Delivery> {
        let mut deliveries = Deliveries::new(&GenerateFiles {
            late,
            repeated,
            broken,
            ..GenerateFiles::quietly("")
        });
        (1..=100)
            .map(|number| deliveries.next(number == 100))
            .collect()
    }

    #[test]
    fn every_event_comes_in_a_file_that_can_be_read_and_is_what_it_says() {
        for share in [0.0, 0.3, 1.0] {
            let mut came = BTreeSet::new();
            let mut highest = 0;
            for file in deliveries(share, share, share) {
                if file.defect.is_some() {
                    continue;
                }
                let earlier = came.clone();
                let before = highest;
                for delivered in &file.events {
                    let sequence = delivered.event.sequence;
                    assert_eq!(delivered.is_repeated, earlier.contains(&sequence));
                    assert_eq!(
                        delivered.is_late,
                        !delivered.is_repeated && sequence < before
                    );
                    came.insert(sequence);
                    highest = highest.max(sequence);
                }
            }
            let first = *came.first().expect("an event");
            let all: BTreeSet<i64> = (first..=highest).collect();
            assert_eq!(came, all, "share {share}");
        }
    }

    #[test]
    fn without_shares_nothing_is_late_repeated_or_broken() {
        for file in deliveries(0.0, 0.0, 0.0) {
            assert!(file.defect.is_none());
            assert_eq!(file.events.len(), 50);
            assert!(
                file.events
                    .iter()
                    .all(|event| !event.is_late && !event.is_repeated)
            );
        }
    }
}
