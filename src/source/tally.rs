//! Counts what an extraction read, by source table.

use jiff::Timestamp;

use crate::landing::Event;
use crate::state::SourceEvents;

/// Counts what came of each source table.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) tables: Vec<((String, String), SourceEvents)>,
    last: usize,
}

impl Tally {
    /// Counts an event; those of one table mostly come together.
    pub(super) fn count(&mut self, event: &Event<'_>) {
        let schema = event.schema.unwrap_or_default();
        let table = event.table.unwrap_or_default();
        let is = |(s, t): &(String, String)| s == schema && t == table;
        if !self.tables.get(self.last).is_some_and(|(name, _)| is(name)) {
            self.last = self
                .tables
                .iter()
                .position(|(name, _)| is(name))
                .unwrap_or_else(|| {
                    let name = (schema.to_owned(), table.to_owned());
                    self.tables.push((name, SourceEvents::default()));
                    self.tables.len() - 1
                });
        }
        let events = &mut self.tables[self.last].1;
        events.events += 1;
        events.truncates += i64::from(event.operation == Some("T"));
        let occurred_at = event
            .occurred_at_us
            .and_then(|us| Timestamp::from_microsecond(us).ok());
        if let Some(time) = occurred_at {
            events.first_time = Some(events.first_time.map_or(time, |first| first.min(time)));
            events.last_time = Some(events.last_time.map_or(time, |last| last.max(time)));
        }
        if let Some(id) = event.event_id {
            // Ids that rise do not repeat; whether others do is found out where they are staged.
            events.repeats |= events.last_event.is_some_and(|last| id <= last);
            events.first_event = Some(events.first_event.map_or(id, |first| first.min(id)));
            events.last_event = Some(events.last_event.map_or(id, |last| last.max(id)));
        }
    }
}
