//! What a run wrote into files.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use indicatif::HumanCount;

use super::defect::FileDefect;
use super::deliveries::Delivery;
use super::format::{Format, typed_name};
use crate::progress::Progress;
use crate::weights::Operation;

/// What a run wrote. Displayed as one line. Rows and events are those of readable files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FilesSummary {
    /// How many files there are of each format, broken ones included.
    pub formats: BTreeMap<Format, u64>,
    pub rows: u64,
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
    /// Events that came in a later file than a later event.
    pub late: u64,
    /// Rows with an event that had come in an earlier file.
    pub repeated: u64,
    pub seconds: f64,
    defects: BTreeMap<FileDefect, u64>,
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
        self.defects.values().sum::<u64>() - self.empty()
    }

    /// How many files have no bytes: they can be read, and have no rows.
    #[must_use]
    pub fn empty(&self) -> u64 {
        self.defects.get(&FileDefect::Empty).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, delivery: &Delivery, elapsed: Duration) {
        self.seconds = elapsed.as_secs_f64();
        *self.formats.entry(delivery.format).or_default() += 1;
        if let Some(defect) = delivery.defect {
            *self.defects.entry(defect).or_default() += 1;
            return;
        }
        for delivered in &delivery.events {
            self.rows += 1;
            self.late += u64::from(delivered.is_late);
            if delivered.is_repeated {
                self.repeated += 1;
                continue;
            }
            match delivered.event.operation {
                Operation::Insert => self.inserts += 1,
                Operation::Update => self.updates += 1,
                Operation::Delete => self.deletes += 1,
            }
        }
    }
}

impl Progress for FilesSummary {
    const UNIT: &str = "files";

    fn count(&self) -> u64 {
        self.files()
    }

    fn details(&self) -> String {
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
        let formats = listed(&self.formats, typed_name);
        write!(
            formatter,
            "{} files in {:.1} s: {formats}; {} inserts, {} updates, {} deletes; {}",
            HumanCount(self.files()),
            self.seconds,
            HumanCount(self.inserts),
            HumanCount(self.updates),
            HumanCount(self.deletes),
            self.details(),
        )?;
        let mut defects = self.defects.clone();
        defects.remove(&FileDefect::Empty);
        if defects.is_empty() {
            return Ok(());
        }
        let defects = listed(&defects, |defect| defect.description().to_owned());
        write!(formatter, "; of the broken ones {defects}")
    }
}

fn listed<K>(counts: &BTreeMap<K, u64>, name: impl Fn(&K) -> String) -> String {
    let parts: Vec<_> = counts
        .iter()
        .map(|(key, count)| format!("{} {}", HumanCount(*count), name(key)))
        .collect();
    parts.join(", ")
}
