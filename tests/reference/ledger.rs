//! Finds the outcome of each event of a batch, and the effect of the batch on current rows and versions.

use super::{Event, Row, Version, current, gives_a_row, ordered, same};

/// The counts of one batch for the current rows of its table. Rejects and ignored tables are not modelled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// Events that the batch delivers, repeats too.
    pub(crate) read: i64,
    /// Of these, events whose id was delivered before, in an earlier batch or in this one.
    pub(crate) duplicate: i64,
    /// All others; each ends in one place, the first that fits of the six that follow.
    pub(crate) staged: i64,
    /// Truncates, in any order.
    pub(crate) truncates: i64,
    /// Events that a later one of the key, or a later truncate, of an earlier batch beats.
    pub(crate) late: i64,
    /// Events that a later one of the key, or a later truncate, of this batch beats.
    pub(crate) superseded: i64,
    /// Winners that delete a key which had no row before the batch.
    pub(crate) delete_without_row: i64,
    /// Winners that equal the row before the batch.
    pub(crate) unchanged: i64,
    /// Winners that change the current rows.
    pub(crate) applied: i64,
    /// Applied winners that inserted a row.
    pub(crate) inserted: i64,
    /// Applied winners that updated a row.
    pub(crate) updated: i64,
    /// Applied winners that deleted a row.
    pub(crate) deleted: i64,
    /// Rows that were deleted without a winner of their key, so by a truncate.
    pub(crate) truncated: i64,
}

impl Ledger {
    /// Checks the sums, and names the one that does not hold.
    pub(crate) fn check(&self) -> Result<(), String> {
        let places =
            self.truncates + self.late + self.superseded + self.delete_without_row + self.unchanged;
        let sums = [
            (
                "read = duplicate + staged",
                self.read,
                self.duplicate + self.staged,
            ),
            (
                "staged = truncates + late + superseded + delete_without_row + unchanged + applied",
                self.staged,
                places + self.applied,
            ),
            (
                "inserted + updated + deleted = applied",
                self.inserted + self.updated + self.deleted,
                self.applied,
            ),
        ];

        match sums.iter().find(|(_, left, right)| left != right) {
            Some((sum, left, right)) => Err(format!("`{sum}` is {left} = {right}: {self:?}")),
            None => Ok(()),
        }
    }

    /// Counts the staged events that do not reach a row, and gives the others, one for a key.
    fn count_beaten<'a>(&mut self, log: &[&Event], staged: &[&'a Event]) -> Vec<&'a Event> {
        let mut winners = Vec::new();

        for &event in staged {
            match event.operation {
                'T' => self.truncates += 1,
                _ if is_beaten(event, log) => self.late += 1,
                _ if is_beaten(event, staged) => self.superseded += 1,
                _ => winners.push(event),
            }
        }
        winners
    }

    /// Counts a winner by the row that its key had before the batch, and has after it.
    fn count_winner(&mut self, winner: &Event, before: Option<&Row>, after: Option<&Row>) {
        match (before, gives_a_row(winner)) {
            (None, false) => self.delete_without_row += 1,
            (Some(row), true) if same(row, &winner.values, None) => self.unchanged += 1,
            _ => {
                self.applied += 1;
                self.count_change(before, after);
            }
        }
    }

    /// Counts the change of a row. No change is not counted, so that the sum is off.
    fn count_change(&mut self, before: Option<&Row>, after: Option<&Row>) {
        match (before, after) {
            (None, Some(_)) => self.inserted += 1,
            (Some(before), Some(after)) if before != after => self.updated += 1,
            (Some(_), None) => self.deleted += 1,
            _ => {}
        }
    }
}

/// Gives the ledger of a batch; `before` is all that earlier batches delivered. Both come in the order of their delivery.
pub(crate) fn ledger(before: &[Event], batch: &[Event]) -> Ledger {
    let log = ordered(before);
    let staged: Vec<&Event> = ordered(batch)
        .into_iter()
        .filter(|event| log.iter().all(|earlier| earlier.id != event.id))
        .collect();
    let rows_before = current(before);
    let rows_after = current(&[before, batch].concat());

    let mut ledger = Ledger {
        read: number(batch.iter()),
        duplicate: number(repeats(before, batch)),
        staged: number(staged.iter()),
        ..Ledger::default()
    };
    let winners = ledger.count_beaten(&log, &staged);
    for winner in &winners {
        let key = &winner.key;
        ledger.count_winner(winner, rows_before.get(key), rows_after.get(key));
    }
    let gone = rows_before
        .keys()
        .filter(|key| !rows_after.contains_key(key));
    ledger.truncated = number(gone.filter(|key| winners.iter().all(|winner| winner.key != **key)));
    ledger
}

/// The effect of a batch on the history of its table. Key and begin identify a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Versions {
    /// Versions that were added.
    pub(crate) opened: i64,
    /// Versions that were open and are closed now.
    pub(crate) closed: i64,
    /// Versions that were not open and end earlier now.
    pub(crate) split: i64,
    /// Versions that changed otherwise.
    pub(crate) changed: i64,
    /// Versions that were removed.
    pub(crate) removed: i64,
}

/// Counts the differences between two histories.
pub(crate) fn versions(before: &[Version], after: &[Version]) -> Versions {
    let place = |version: &Version| (version.key, version.valid_from);
    let mut versions = Versions::default();

    for version in after {
        let found = before.iter().find(|old| place(old) == place(version));
        match found.map(|old| (old, old.valid_to, version.valid_to)) {
            None => versions.opened += 1,
            Some((_, None, Some(_))) => versions.closed += 1,
            Some((_, Some(old), Some(new))) if new < old => versions.split += 1,
            Some((old, ..)) if old != version => versions.changed += 1,
            Some(_) => {}
        }
    }
    let went = |old: &&Version| after.iter().all(|version| place(version) != place(old));
    versions.removed = number(before.iter().filter(went));
    versions
}

impl std::ops::AddAssign for Versions {
    fn add_assign(&mut self, more: Self) {
        self.opened += more.opened;
        self.closed += more.closed;
        self.split += more.split;
        self.changed += more.changed;
        self.removed += more.removed;
    }
}

/// The events of the batch whose id was delivered before.
fn repeats<'a>(before: &'a [Event], batch: &'a [Event]) -> impl Iterator<Item = &'a Event> {
    let places = batch.iter().enumerate();
    places.filter_map(move |(place, event)| {
        let mut delivered = before.iter().chain(&batch[..place]);
        delivered
            .any(|earlier| earlier.id == event.id)
            .then_some(event)
    })
}

/// Whether a later event of the key, or a later truncate, is among the others.
fn is_beaten(event: &Event, others: &[&Event]) -> bool {
    let mut later = others.iter().filter(|other| other.id > event.id);
    later.any(|other| other.operation == 'T' || other.key == event.key)
}

fn number(items: impl Iterator) -> i64 {
    i64::try_from(items.count()).expect("a batch fits in an `i64`")
}

/// Keys of different seeds have nothing to do with each other, so their ledgers add up.
impl std::ops::AddAssign for Ledger {
    fn add_assign(&mut self, more: Self) {
        self.read += more.read;
        self.duplicate += more.duplicate;
        self.staged += more.staged;
        self.truncates += more.truncates;
        self.late += more.late;
        self.superseded += more.superseded;
        self.delete_without_row += more.delete_without_row;
        self.unchanged += more.unchanged;
        self.applied += more.applied;
        self.inserted += more.inserted;
        self.updated += more.updated;
        self.deleted += more.deleted;
        self.truncated += more.truncated;
    }
}
