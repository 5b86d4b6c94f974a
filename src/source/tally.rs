//! What an extraction read, counted by source table.

use jiff::Timestamp;

use crate::landing::Event;
use crate::pipeline::SourceTable;
use crate::state::{SourceEvents, TableEvents};

const WORD_IDS: i64 = 1 << 6;
const CHUNK_IDS: i64 = 1 << 15;
const CHUNK_WORDS: usize = 1 << (15 - 6);
/// Together at most 16 MiB, for 134 million ids that lie close to each other.
const CHUNKS: usize = 4096;

/// What came of each source table.
#[derive(Default)]
pub struct Tally {
    pub tables: Vec<TableEvents>,
    /// Rows that were skipped, because another row of the same key was changed later.
    pub not_unique: i64,
    seen: SeenIds,
    last: usize,
}

/// The ids of all events, a bit each. Without repeats, staging need not look for them.
#[derive(Default)]
struct SeenIds {
    /// In the order of their ids.
    chunks: Vec<(i64, Box<[u64; CHUNK_WORDS]>)>,
    /// The chunk that was noted in last; most ids belong to the same one.
    last: usize,
}

impl SeenIds {
    /// Notes an id and says whether it is surely new. An id that lies too far from the others to be kept is not surely new.
    fn note(&mut self, id: i64) -> bool {
        let (chunk, place) = (id.div_euclid(CHUNK_IDS), id.rem_euclid(CHUNK_IDS));
        let Some(words) = self.chunk(chunk) else {
            return false;
        };
        let word = usize::try_from(place / WORD_IDS)
            .ok()
            .and_then(|at| words.get_mut(at));
        let bit = 1 << (place % WORD_IDS);

        word.is_some_and(|word| {
            let is_new = *word & bit == 0;
            *word |= bit;
            is_new
        })
    }

    /// The bits of a chunk; none if there is no room for them.
    fn chunk(&mut self, chunk: i64) -> Option<&mut [u64; CHUNK_WORDS]> {
        if self
            .chunks
            .get(self.last)
            .is_none_or(|(last, _)| *last != chunk)
        {
            self.last = match self
                .chunks
                .binary_search_by_key(&chunk, |(known, _)| *known)
            {
                Ok(at) => at,
                Err(_) if self.chunks.len() == CHUNKS => return None,
                Err(at) => {
                    self.chunks.insert(at, (chunk, Box::new([0; CHUNK_WORDS])));
                    at
                }
            };
        }

        self.chunks
            .get_mut(self.last)
            .map(|(_, words)| words.as_mut())
    }
}

impl Tally {
    /// What came of a table so far.
    #[must_use]
    pub fn of(&self, table: &SourceTable) -> Option<&SourceEvents> {
        let found = self.tables.iter().find(|known| known.table == *table);

        found.map(|known| &known.summary)
    }

    /// Counts an event. Events of one table mostly come together.
    pub fn count(&mut self, event: &Event<'_>) {
        let schema = event.schema.unwrap_or_default();
        let table = event.table.unwrap_or_default();
        let is = |known: &SourceTable| known.schema == schema && known.name == table;
        if !self
            .tables
            .get(self.last)
            .is_some_and(|known| is(&known.table))
        {
            self.last = self
                .tables
                .iter()
                .position(|known| is(&known.table))
                .unwrap_or_else(|| {
                    self.tables.push(TableEvents {
                        table: SourceTable::new(schema, table),
                        summary: SourceEvents::default(),
                    });
                    self.tables.len() - 1
                });
        }
        let events = &mut self.tables[self.last].summary;
        events.event_count += 1;
        events.truncates += i64::from(event.operation == Some("T"));
        let occurred_at = event
            .occurred_at_us
            .and_then(|us| Timestamp::from_microsecond(us).ok());
        if let Some(time) = occurred_at {
            events.first_time = Some(events.first_time.map_or(time, |first| first.min(time)));
            events.last_time = Some(events.last_time.map_or(time, |last| last.max(time)));
        }
        if let Some(id) = event.event_id {
            // Writers do not commit in the order of their ids, so a lower id alone is no repeat.
            let is_new = self.seen.note(id);
            events.ids_may_repeat |= !is_new && events.last_event.is_some_and(|last| id <= last);
            events.first_event = Some(events.first_event.map_or(id, |first| first.min(id)));
            events.last_event = Some(events.last_event.map_or(id, |last| last.max(id)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeats(ids: impl IntoIterator<Item = i64>) -> bool {
        let mut tally = Tally::default();
        for id in ids {
            tally.count(&Event {
                event_id: Some(id),
                ..Event::default()
            });
        }
        tally.tables[0].summary.ids_may_repeat
    }

    #[test]
    fn ids_in_another_order_are_no_repeats_and_an_id_that_came_twice_is_one() {
        assert!(!repeats([3, 1, 2, 70_000, -5, 64]));
        assert!(repeats([3, 1, 2, 70_000, 1]));
        assert!(repeats([3, 3]));
        assert!(repeats([i64::MIN, i64::MAX, i64::MIN]));
    }

    #[test]
    fn ids_too_far_apart_to_keep_are_repeats_unless_they_rise() {
        let far = |n: i64| n * CHUNK_IDS;
        assert!(!repeats((0..5000).map(far)));
        assert!(repeats((0..5000).rev().map(far)));
    }
}
