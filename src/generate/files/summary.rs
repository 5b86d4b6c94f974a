//! Counts what was written into files.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use indicatif::HumanCount;

use super::super::workload::Operation;
use super::choice::{self, Format};
use super::deliveries::Delivery;
use super::fault::Fault;

/// What a run wrote. Rows, events, late and repeated ones are those of files that can be read. Displayed as one line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FilesSummary {
    /// Files by what they are, broken ones included.
    pub formats: BTreeMap<Format, u64>,
    /// Rows.
    pub rows: u64,
    /// Events that a shipment came by.
    pub inserts: u64,
    /// Events that changed a shipment.
    pub updates: u64,
    /// Events that a shipment went by.
    pub deletes: u64,
    /// Events that came after a later one, in a later file.
    pub late: u64,
    /// Rows with an event that had come before, in an earlier file.
    pub repeated: u64,
    /// How long it took.
    pub seconds: f64,
    faults: BTreeMap<Fault, u64>,
}

impl FilesSummary {
    /// How many files there are, broken ones included.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.formats.values().sum()
    }

    /// How many events the readable files have, each counted once.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }

    /// How many files cannot be read.
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.faults.values().sum::<u64>() - self.empty()
    }

    /// How many files have no bytes, which can be read: they have no rows.
    #[must_use]
    pub fn empty(&self) -> u64 {
        self.faults.get(&Fault::Empty).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, delivery: &Delivery, elapsed: Duration) {
        self.seconds = elapsed.as_secs_f64();
        *self.formats.entry(delivery.format).or_default() += 1;
        if let Some(fault) = delivery.fault {
            *self.faults.entry(fault).or_default() += 1;
            return;
        }
        for row in &delivery.rows {
            self.rows += 1;
            self.late += u64::from(row.is_late);
            if row.is_repeated {
                self.repeated += 1;
                continue;
            }
            match row.event.operation {
                Operation::Insert => self.inserts += 1,
                Operation::Update => self.updates += 1,
                Operation::Delete => self.deletes += 1,
            }
        }
    }

    /// What a line of progress says besides the number of files.
    pub(super) fn told(&self) -> String {
        format!(
            "{} rows, {} late, {} repeated; {} files broken, {} empty",
            HumanCount(self.rows),
            HumanCount(self.late),
            HumanCount(self.repeated),
            HumanCount(self.broken()),
            HumanCount(self.empty()),
        )
    }
}

impl fmt::Display for FilesSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let formats = listed(&self.formats, choice::name);
        write!(
            formatter,
            "{} files in {:.1} s: {formats}; {} inserts, {} updates, {} deletes; {}",
            HumanCount(self.files()),
            self.seconds,
            HumanCount(self.inserts),
            HumanCount(self.updates),
            HumanCount(self.deletes),
            self.told(),
        )?;
        let mut faults = self.faults.clone();
        faults.remove(&Fault::Empty);
        if faults.is_empty() {
            return Ok(());
        }
        let faults = listed(&faults, |fault| fault.told().to_owned());
        write!(formatter, "; of the broken ones {faults}")
    }
}

fn listed<K>(counts: &BTreeMap<K, u64>, told: impl Fn(&K) -> String) -> String {
    let parts: Vec<_> = counts
        .iter()
        .map(|(key, count)| format!("{} {}", HumanCount(*count), told(key)))
        .collect();
    parts.join(", ")
}
