//! The shipments of a shop's orders, and the events of their lives, in their order.

use jiff::Timestamp;
use rand::RngExt;
use rand::rngs::StdRng;

use super::super::orders::{YEARS, since_opening};
use super::super::words;
use super::super::workload::{Operation, Weights};

const CARRIERS: [&str; 5] = ["Flying Ox", "Überland", "Posta", "Brévier & Fils", "Кит"];
const STATUSES: [&str; 6] = [
    "announced",
    "collected",
    "sorted",
    "on the way",
    "delivered",
    "returned",
];
/// Each seed has numbers of its own, so many, so that files of two seeds may lie in one folder.
pub(super) const NUMBERS: i64 = 1_000_000_000;
/// An event a second.
const BETWEEN_EVENTS: i64 = 1_000_000;
/// So many shipments still change; beyond them one is left as it is for each that comes.
const MOST_OPEN: usize = 10_000;
/// So many are remembered that went.
const MOST_GONE: usize = 1_000;
/// One new shipment in this many is one that went before.
const AGAIN: u32 = 20;
/// One weight in this many is at the edge of its type.
const ODD: u32 = 200;

/// What happened to a shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Its place in the order of all events.
    pub(super) sequence: i64,
    pub(super) operation: Operation,
    pub(super) changed_at: Timestamp,
    pub(super) shipment_id: i64,
    /// What the shipment is since then; a delete says no more than which it was.
    pub(super) state: Option<State>,
}

/// What a shipment is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// As a carrier sees it, a text.
    pub(super) order_id: String,
    pub(super) carrier: &'static str,
    pub(super) status: &'static str,
    /// In grams: kilograms with three decimals.
    pub(super) weight: Option<i32>,
    /// Never empty, because CSV has no text for that.
    pub(super) remark: Option<String>,
}

/// All shipments of a seed.
pub(super) struct Shipments {
    weights: Weights,
    /// What the seed's numbers come after.
    base: i64,
    events: i64,
    came: i64,
    open: Vec<(i64, State)>,
    gone: Vec<i64>,
}

impl Shipments {
    pub(super) fn new(seed: u32, weights: Weights) -> Self {
        Self {
            weights,
            base: i64::from(seed) * NUMBERS,
            events: 0,
            came: 0,
            open: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// How many more events have numbers.
    pub(super) fn left(&self) -> i64 {
        NUMBERS - 1 - self.events
    }

    /// Makes the next event.
    pub(super) fn next(&mut self, rng: &mut StdRng) -> Event {
        let mut operation = self.weights.operation(rng);
        if self.open.is_empty() {
            operation = Operation::Insert;
        }
        let (shipment_id, state) = match operation {
            Operation::Insert => self.insert(rng),
            Operation::Update => self.update(rng),
            Operation::Delete => self.delete(rng),
        };
        self.events += 1;
        Event {
            sequence: self.base + self.events,
            operation,
            changed_at: self.moment(rng),
            shipment_id,
            state,
        }
    }

    /// When the event that was made last happened; after two years the dates begin again, as those of the orders do.
    fn moment(&self, rng: &mut StdRng) -> Timestamp {
        let since = (self.events * BETWEEN_EVENTS).rem_euclid(YEARS);
        since_opening(since + rng.random_range(0..BETWEEN_EVENTS))
    }

    fn insert(&mut self, rng: &mut StdRng) -> (i64, Option<State>) {
        let id = if !self.gone.is_empty() && rng.random_ratio(1, AGAIN) {
            self.gone.swap_remove(rng.random_range(0..self.gone.len()))
        } else {
            self.came += 1;
            self.base + self.came
        };
        let state = State {
            order_id: (id - self.base).to_string(),
            carrier: words::pick(rng, &CARRIERS),
            status: STATUSES[0],
            weight: weight(rng),
            remark: remark(rng),
        };
        if self.open.len() == MOST_OPEN {
            self.open.swap_remove(rng.random_range(0..MOST_OPEN));
        }
        self.open.push((id, state.clone()));
        (id, Some(state))
    }

    fn update(&mut self, rng: &mut StdRng) -> (i64, Option<State>) {
        let at = rng.random_range(0..self.open.len());
        let (id, state) = &mut self.open[at];
        match rng.random_range(0..20) {
            0..=13 => state.status = words::pick(rng, &STATUSES),
            14..=16 => state.weight = weight(rng),
            17..=18 => state.remark = remark(rng),
            // The last one in twenty changes nothing.
            _ => {}
        }
        (*id, Some(state.clone()))
    }

    fn delete(&mut self, rng: &mut StdRng) -> (i64, Option<State>) {
        let (id, _) = self.open.swap_remove(rng.random_range(0..self.open.len()));
        if self.gone.len() < MOST_GONE {
            self.gone.push(id);
        }
        (id, None)
    }
}

fn weight(rng: &mut StdRng) -> Option<i32> {
    if rng.random_ratio(1, 10) {
        return None;
    }
    if rng.random_ratio(1, ODD) {
        return Some(words::pick(rng, &[0, 1, -1, 999_999_999, -999_999_999]));
    }
    Some(rng.random_range(50..30_000))
}

fn remark(rng: &mut StdRng) -> Option<String> {
    words::remark(rng).filter(|remark| !remark.is_empty())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn events_rise_and_no_shipment_changes_that_is_not_there() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut shipments = Shipments::new(7, Weights::DEFAULT);
        let mut there = std::collections::BTreeSet::new();
        let mut before = (7 * NUMBERS, Timestamp::UNIX_EPOCH);
        for _ in 0..5_000 {
            let event = shipments.next(&mut rng);
            let fits = match event.operation {
                Operation::Insert => there.insert(event.shipment_id),
                Operation::Update => there.contains(&event.shipment_id),
                Operation::Delete => there.remove(&event.shipment_id),
            };
            assert!(fits, "{event:?}");
            assert_eq!(event.sequence, before.0 + 1);
            assert!(event.changed_at > before.1, "{event:?}");
            assert_eq!(event.state.is_none(), event.operation == Operation::Delete);
            before = (event.sequence, event.changed_at);
        }
    }
}
