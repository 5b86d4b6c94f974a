//! Makes histories full of corner cases, and delivers them out of order. The same seed always gives the same histories.

use super::{Event, Row};

/// A small generator (splitmix64, <https://prng.di.unimi.it/splitmix64.c>).
pub(crate) struct Random(u64);

impl Random {
    /// Starts a sequence.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Gives 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Gives a number from 0 up to, but not including, the limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        assert!(limit > 0, "no number is below 0");
        usize::try_from(self.bits() % limit as u64).expect("it is below a `usize`")
    }

    /// Gives a number from the lowest to the highest, both included.
    pub(crate) fn between(&mut self, lowest: i64, highest: i64) -> i64 {
        let numbers =
            usize::try_from(highest - lowest + 1).expect("the lowest is not above the highest");
        lowest + i64::try_from(self.below(numbers)).expect("it is below an `i64`")
    }

    /// Is true in this many of a hundred calls.
    pub(crate) fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    /// Gives one of the choices.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// Puts the items into a random order, each with equal chance.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// 2025-01-01 00:00 UTC.
pub(crate) const START: i64 = 1_735_689_600_000_000;
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

const AMOUNTS: [&str; 4] = ["1", "2", "3", "4"];
const LABELS: [&str; 4] = ["new", "", "O'Neil \"x\\y\", z", "zażółć 🧊"];
const NOTES: [Option<&str>; 4] = [None, None, Some(""), Some("null")];

/// Gives events of the keys 1 to `keys` by id, with gaps between the ids.
///
/// A row is an amount (`1` to `4`), a label (text with quotes and letters beyond ASCII) and a note (text that may be null). A
/// fifth of the events are deletes, the others inserts and updates; many change nothing, some are impossible in a sane source
/// (an update or a delete of a row that is not there, an insert of one that is), several of one key share a microsecond, and
/// the clock steps back. There are no truncates, see [`with_truncates`].
pub(crate) fn random_history(seed: u64, keys: i64, events: usize) -> Vec<Event> {
    let mut random = Random::new(seed);
    let mut history = Vec::new();

    while history.len() < events {
        let event = next_event(&mut random, keys, &history);
        history.push(event);
    }
    history
}

fn next_event(random: &mut Random, keys: i64, past: &[Event]) -> Event {
    let is_tie = random.percent(25);
    let (key, occurred_at) = match past.last() {
        Some(last) if is_tie => (last.key, last.occurred_at),
        _ => (random.between(1, keys), next_time(random, past)),
    };
    let operation = next_operation(random, key, past);

    Event {
        id: past.last().map_or(0, |last| last.id) + random.between(1, 3),
        operation,
        occurred_at,
        key,
        values: next_values(random, operation, key, past),
    }
}

/// A step of microseconds or of up to a minute ahead of all before, or now and then no step, or one back.
fn next_time(random: &mut Random, past: &[Event]) -> i64 {
    let newest = past
        .iter()
        .map(|event| event.occurred_at)
        .max()
        .unwrap_or(START);

    match random.below(10) {
        0 => newest - random.between(1, 5 * MINUTE),
        1 => newest,
        2 => newest + 1,
        _ => newest + random.between(1, MINUTE),
    }
}

fn next_operation(random: &mut Random, key: i64, past: &[Event]) -> char {
    let last = past.iter().rfind(|event| event.key == key);
    let has_row = last.is_some_and(|event| event.operation != 'D');
    let (usual, odd) = if has_row { ('U', 'I') } else { ('I', 'U') };

    match random.below(10) {
        0 | 1 => 'D',
        2 | 3 => odd,
        _ => usual,
    }
}

/// The key's last row as it was, or with one column drawn again, or all drawn again. A delete may carry that row, or nulls.
fn next_values(random: &mut Random, operation: char, key: i64, past: &[Event]) -> Row {
    let rows = past.iter().filter(|event| event.operation != 'D');
    let last_row = rows
        .rev()
        .find(|event| event.key == key)
        .map(|event| event.values.clone());
    let drawn = vec![
        Some(String::from(*random.pick(&AMOUNTS))),
        Some(String::from(*random.pick(&LABELS))),
        random.pick(&NOTES).map(String::from),
    ];
    let column = random.below(drawn.len());

    match (last_row, random.below(4)) {
        (Some(row), 0 | 1) if operation == 'D' => row,
        _ if operation == 'D' => vec![None; drawn.len()],
        (Some(row), 0) => row,
        (Some(mut row), 1 | 2) => {
            row[column].clone_from(&drawn[column]);
            row
        }
        _ => drawn,
    }
}

/// Turns this many events, at most all, into truncates.
pub(crate) fn with_truncates(seed: u64, mut events: Vec<Event>, truncates: usize) -> Vec<Event> {
    let mut random = Random::new(seed ^ 0x7472_756E);
    let mut places: Vec<usize> = (0..events.len()).collect();
    random.shuffle(&mut places);

    for place in places.into_iter().take(truncates) {
        let event = &mut events[place];
        event.operation = 'T';
        event.key = 0;
        event.values.fill(None);
    }
    events
}

/// Spreads the events over this many batches, some perhaps empty, each in random order, with `repeats` more deliveries of
/// events in the batch of the first one or a later one.
///
/// Half of the seeds are orderly: nine in ten events come in their order. The others put every event anywhere.
pub(crate) fn deliver(
    seed: u64,
    events: &[Event],
    batches: usize,
    repeats: usize,
) -> Vec<Vec<Event>> {
    let mut random = Random::new(seed ^ 0x6465_6C69);
    let is_orderly = random.percent(50);
    debug_assert_eq!(is_orderly, self::is_orderly(seed), "both draw it first");
    let mut delivered = vec![Vec::new(); batches];
    let mut arrivals = Vec::new();

    for (place, event) in events.iter().enumerate() {
        let turn = place * batches / events.len();
        let batch = match (is_orderly, random.percent(10)) {
            (true, false) => turn,
            (true, true) => turn + random.below(batches - turn),
            (false, _) => random.below(batches),
        };
        delivered[batch].push(event.clone());
        arrivals.push((batch, event));
    }
    let repeats = if events.is_empty() { 0 } else { repeats };
    for _ in 0..repeats {
        let &(first, event) = random.pick(&arrivals);
        delivered[first + random.below(batches - first)].push(event.clone());
    }
    for batch in &mut delivered {
        random.shuffle(batch);
    }
    delivered
}

/// Whether [`deliver`] keeps most events of this seed in their order.
pub(crate) fn is_orderly(seed: u64) -> bool {
    Random::new(seed ^ 0x6465_6C69).percent(50)
}
