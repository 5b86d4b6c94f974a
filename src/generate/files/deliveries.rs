//! Which events a file carries: new ones, late ones, and those that came before.
//!
//! Every event is delivered by some file that can be read, before the last file ends: what a broken one carried comes with the next.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::GenerateFiles;
use super::choice::{Choice, Compression, Format};
use super::fault::Fault;
use super::shipments::{Event, Shipments};

/// How many files later an event comes that is late, or comes again.
const FILES_LATER: RangeInclusive<u64> = 1..=4;

/// One file.
pub(super) struct Delivery {
    pub(super) number: u64,
    pub(super) format: Format,
    pub(super) compression: Compression,
    /// What is wrong with it, if anything; then its rows come again with the next file, and count as delivered there.
    pub(super) fault: Option<Fault>,
    pub(super) rows: Vec<Row>,
}

/// An event in a file.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) event: Event,
    /// Whether it comes after a later event, in another file.
    pub(super) is_late: bool,
    /// Whether it came before, in another file.
    pub(super) is_repeated: bool,
}

/// The files of a seed, one after the other.
pub(super) struct Deliveries {
    rng: StdRng,
    shipments: Shipments,
    rows_per_file: usize,
    late: f64,
    repeated: f64,
    broken: f64,
    formats: Choice<Format>,
    compressions: Choice<Compression>,
    number: u64,
    /// The highest event that was delivered.
    highest: i64,
    /// Rows by the file that they are kept for.
    kept: BTreeMap<u64, Vec<Row>>,
}

impl Deliveries {
    pub(super) fn new(args: &GenerateFiles) -> Self {
        Self {
            rng: StdRng::seed_from_u64(args.seed.into()),
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

    /// Whether another file's events would have no numbers.
    pub(super) fn are_used_up(&self) -> bool {
        usize::try_from(self.shipments.left()).unwrap_or(usize::MAX) < 2 * self.rows_per_file
    }

    /// Makes the next file; the last one is whole, and leaves nothing undelivered.
    pub(super) fn next(&mut self, is_last: bool) -> Delivery {
        self.number += 1;
        let format = self.formats.draw(&mut self.rng);
        let mut delivery = Delivery {
            number: self.number,
            format,
            compression: self.compressions.draw(&mut self.rng),
            fault: None,
            rows: self.rows(is_last),
        };
        // Without rows there is nothing to break.
        if self.rng.random_bool(self.broken) && !is_last && !delivery.rows.is_empty() {
            delivery.fault = Some(Fault::draw(format, &mut self.rng));
            let next = self.kept.entry(self.number + 1).or_default();
            next.extend(delivery.rows.iter().cloned());
        } else {
            self.deliver(&mut delivery.rows, is_last);
        }
        delivery
    }

    /// The rows that are due, and new ones but for those that will be late.
    fn rows(&mut self, is_last: bool) -> Vec<Row> {
        let mut rows: Vec<Row> = if is_last {
            std::mem::take(&mut self.kept)
                .into_values()
                .flatten()
                .collect()
        } else {
            self.kept.remove(&self.number).unwrap_or_default()
        };
        for _ in rows.len()..self.rows_per_file {
            let row = Row {
                event: self.shipments.next(&mut self.rng),
                is_late: false,
                is_repeated: false,
            };
            if self.rng.random_bool(self.late) && !is_last {
                self.keep(row);
            } else {
                rows.push(row);
            }
        }
        rows
    }

    /// Notes what the rows of a file that can be read are, and which of them will come again.
    fn deliver(&mut self, rows: &mut [Row], is_last: bool) {
        let before = self.highest;
        for row in rows {
            if row.is_repeated {
                continue;
            }
            row.is_late = row.event.sequence < before;
            self.highest = self.highest.max(row.event.sequence);
            if self.rng.random_bool(self.repeated) && !is_last {
                self.keep(Row {
                    event: row.event.clone(),
                    is_late: false,
                    is_repeated: true,
                });
            }
        }
    }

    fn keep(&mut self, row: Row) {
        let file = self.number + self.rng.random_range(FILES_LATER);
        self.kept.entry(file).or_default().push(row);
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
                if file.fault.is_some() {
                    continue;
                }
                let earlier = came.clone();
                let before = highest;
                for row in &file.rows {
                    let sequence = row.event.sequence;
                    assert_eq!(row.is_repeated, earlier.contains(&sequence));
                    assert_eq!(row.is_late, !row.is_repeated && sequence < before);
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
            assert!(file.fault.is_none());
            assert_eq!(file.rows.len(), 50);
            assert!(file.rows.iter().all(|row| !row.is_late && !row.is_repeated));
        }
    }
}
