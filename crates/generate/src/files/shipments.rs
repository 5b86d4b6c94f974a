//! The shipments of a shop's orders, and the events of their lives, in their order.

use jiff::Timestamp;

use crate::calendar::shipment_moment;
use crate::random::Random;
use crate::weights::{Operation, Weights};
use crate::words;

const CARRIERS: [&str; 5] = ["Flying Ox", "Überland", "Posta", "Brévier & Fils", "Кит"];
const STATUSES: [&str; 6] = [
    "announced",
    "collected",
    "sorted",
    "on the way",
    "delivered",
    "returned",
];
/// How many numbers each seed has for itself, so that files of two seeds may lie in one folder.
const NUMBERS: i64 = 1_000_000_000;
/// How many shipments still change. Beyond this number, each new shipment ends the changes of another.
const MOST_OPEN: usize = 10_000;
/// How many deleted shipments are remembered.
const MOST_DELETED: usize = 1_000;
/// One insert in this many brings a deleted shipment back.
const AGAIN: u32 = 20;
/// With extremes, one weight in this many is at the edge of its type.
const EXTREME: u32 = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShipmentEvent {
    /// Its place in the order of all events.
    pub(super) sequence: i64,
    pub(super) operation: Operation,
    pub(super) changed_at: Timestamp,
    pub(super) shipment_id: i64,
    /// None for a delete.
    pub(super) shipment: Option<Shipment>,
}

/// The columns of a shipment besides its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shipment {
    /// As a carrier sees it, a text.
    pub(super) order_id: String,
    pub(super) carrier: &'static str,
    pub(super) status: &'static str,
    /// In grams: kilograms with three decimals.
    pub(super) weight: Option<i32>,
    /// Never empty, because CSV has no text for that.
    pub(super) remark: Option<String>,
}

/// All shipments of a seed. They give their events one after the other.
pub(super) struct Shipments {
    weights: Weights,
    /// The seed's numbers come after it.
    base: i64,
    events: i64,
    inserted: i64,
    open: Vec<(i64, Shipment)>,
    deleted: Vec<i64>,
}

impl Shipments {
    pub(super) fn new(seed: u32, weights: Weights) -> Self {
        Self {
            weights,
            base: i64::from(seed) * NUMBERS,
            events: 0,
            inserted: 0,
            open: Vec::new(),
            deleted: Vec::new(),
        }
    }

    /// How many more events have numbers.
    pub(super) fn left(&self) -> i64 {
        NUMBERS - 1 - self.events
    }

    pub(super) fn next(&mut self, random: &mut Random) -> ShipmentEvent {
        let mut operation = self.weights.operation(random);
        if self.open.is_empty() {
            operation = Operation::Insert;
        }
        let (shipment_id, shipment) = match operation {
            Operation::Insert => self.insert(random),
            Operation::Update => self.update(random),
            Operation::Delete => self.delete(random),
        };
        self.events += 1;
        ShipmentEvent {
            sequence: self.base + self.events,
            operation,
            changed_at: shipment_moment(random, self.events),
            shipment_id,
            shipment,
        }
    }

    fn insert(&mut self, random: &mut Random) -> (i64, Option<Shipment>) {
        let id = if !self.deleted.is_empty() && random.one_in(AGAIN) {
            self.deleted.swap_remove(random.index(self.deleted.len()))
        } else {
            self.inserted += 1;
            self.base + self.inserted
        };
        let shipment = Shipment {
            order_id: (id - self.base).to_string(),
            carrier: random.pick(&CARRIERS),
            status: STATUSES[0],
            weight: weight(random),
            remark: remark(random),
        };
        if self.open.len() == MOST_OPEN {
            self.open.swap_remove(random.index(MOST_OPEN));
        }
        self.open.push((id, shipment.clone()));
        (id, Some(shipment))
    }

    fn update(&mut self, random: &mut Random) -> (i64, Option<Shipment>) {
        let at = random.index(self.open.len());
        let (id, shipment) = &mut self.open[at];
        match random.within(0..20) {
            0..=13 => shipment.status = random.pick(&STATUSES),
            14..=16 => shipment.weight = weight(random),
            17..=18 => shipment.remark = remark(random),
            // The last one in twenty changes nothing.
            _ => {}
        }
        (*id, Some(shipment.clone()))
    }

    fn delete(&mut self, random: &mut Random) -> (i64, Option<Shipment>) {
        let (id, _) = self.open.swap_remove(random.index(self.open.len()));
        if self.deleted.len() < MOST_DELETED {
            self.deleted.push(id);
        }
        (id, None)
    }
}

fn weight(random: &mut Random) -> Option<i32> {
    if random.one_in(10) {
        return None;
    }
    if random.is_extreme(EXTREME) {
        return Some(random.pick(&[0, 1, -1, 999_999_999, -999_999_999]));
    }
    Some(random.within(50..30_000))
}

fn remark(random: &mut Random) -> Option<String> {
    words::remark(random).filter(|remark| !remark.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_rise_and_no_shipment_changes_that_is_not_there() {
        let mut random = Random::new(1, true);
        let mut shipments = Shipments::new(7, Weights::DEFAULT);
        let mut there = std::collections::BTreeSet::new();
        let mut before = (7 * NUMBERS, Timestamp::UNIX_EPOCH);
        for _ in 0..5_000 {
            let event = shipments.next(&mut random);
            let fits = match event.operation {
                Operation::Insert => there.insert(event.shipment_id),
                Operation::Update => there.contains(&event.shipment_id),
                Operation::Delete => there.remove(&event.shipment_id),
            };
            assert!(fits, "{event:?}");
            assert_eq!(event.sequence, before.0 + 1);
            assert!(event.changed_at > before.1, "{event:?}");
            assert_eq!(
                event.shipment.is_none(),
                event.operation == Operation::Delete
            );
            before = (event.sequence, event.changed_at);
        }
    }
}
