//! The frame of a table's rows: their JSON without its values. A row whose frame is known is read faster.

use std::collections::HashMap;

use arrow_array::StringArray;
use smallvec::SmallVec;

use super::fields::Fields;
use super::json::Walk;
use super::token::Token;

/// How many tables' frames are kept: 16 MiB at most. Rows of further tables are opened without a frame.
const TABLES: usize = 256;
/// Rows with more text around their values are opened without a frame.
const TEXT_BYTES: usize = 16 << 10;

/// The values of an object.
pub(super) type Values<'a> = SmallVec<[Token<'a>; 32]>;

/// An object without its values.
struct Frame {
    /// The text around the values.
    text: String,
    /// The index in `text` at which each value comes.
    places: Vec<usize>,
    /// The name of each value.
    names: StringArray,
}

impl Frame {
    /// The frame of `json`, which was opened as `opened`. None if a name is repeated, or the text around the values is
    /// longer than [`TEXT_BYTES`].
    fn of(json: &str, opened: &Fields<'_>) -> Option<Self> {
        let mut walk = Walk::new(json);
        let (mut text, mut places, mut from) = (String::new(), Vec::new(), 0);
        walk.eat(b'{');
        while walk.name().is_some() {
            text.push_str(&json[from..walk.at()]);
            if text.len() > TEXT_BYTES {
                return None;
            }
            places.push(text.len());
            walk.value()?;
            from = walk.at();
            walk.eat(b',');
        }
        text.push_str(&json[from..]);
        let is_whole = text.len() <= TEXT_BYTES && opened.iter().count() == places.len();

        is_whole.then(|| Self {
            text,
            places,
            names: StringArray::from_iter_values(opened.iter().map(|(name, _)| name)),
        })
    }

    /// Adds the values of an object. None if it has another frame, is no object, or holds a string that escapes half a
    /// character.
    fn read<'a>(&self, json: &'a str, values: &mut Values<'a>) -> Option<()> {
        let mut walk = Walk::new(json);
        let mut from = 0;
        for &place in &self.places {
            walk.exact(&self.text[from..place])?;
            values.push(walk.value()?);
            from = place;
        }
        walk.exact(&self.text[from..])?;
        let can_be_decoded = |value: &Token<'_>| value.can_be_decoded();

        (walk.is_at_end() && values.iter().all(can_be_decoded)).then_some(())
    }
}

/// The frames of the tables, by table name.
#[derive(Default)]
pub(super) struct Frames(HashMap<String, Known>);

#[derive(Default)]
struct Known {
    /// The frame that was learned last.
    frame: Option<Frame>,
    /// How many rows did not have the frame that was known at the time.
    misses: u32,
}

impl Frames {
    /// Adds the values of a table's row and gives their names. None if the row does not have the known frame, or is no
    /// object: `values` is then useless.
    pub(super) fn read<'a>(
        &self,
        table: &str,
        json: &'a str,
        values: &mut Values<'a>,
    ) -> Option<&StringArray> {
        let frame = self.0.get(table)?.frame.as_ref()?;
        frame.read(json, values)?;

        Some(&frame.names)
    }

    /// Learns a frame from a row that was opened without one. After the misses 1, 2, 4, 8 … of a table: so rows whose
    /// frames alternate cost little more than without frames.
    pub(super) fn learn(&mut self, table: &str, json: &str, opened: &Fields<'_>) {
        let is_full = self.0.len() == TABLES;
        let known = match self.0.get_mut(table) {
            Some(known) => known,
            None if is_full || table.len() > TEXT_BYTES => return,
            None => self.0.entry(table.to_owned()).or_default(),
        };
        known.misses = known.misses.saturating_add(1);
        if known.misses.is_power_of_two() {
            known.frame = Frame::of(json, opened);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fields::open;
    use super::{Frames, TABLES, TEXT_BYTES, Values};

    /// Reads a row by the known frame, or learns its frame. Says whether it was read.
    fn is_read(frames: &mut Frames, table: &str, json: &str) -> bool {
        let mut values = Values::new();
        if let Some(names) = frames.read(table, json, &mut values) {
            assert_eq!(names.iter().count(), values.len());
            return true;
        }
        frames.learn(table, json, &open(json).expect("an object"));

        false
    }

    #[test]
    fn a_row_is_read_by_the_frame_of_the_row_before_and_a_new_frame_replaces_it() {
        let mut frames = Frames::default();
        let many: Vec<String> = (0..40).map(|n| format!(r#""f{n}": {n}"#)).collect();
        for json in [r#"{"a": 1}"#, &format!("{{{}}}", many.join(", "))] {
            assert!(!is_read(&mut frames, "t", json));
            assert!(is_read(&mut frames, "t", json));
            assert!(!is_read(&mut frames, json, json), "another table");
        }
    }

    #[test]
    fn half_of_the_rows_whose_frames_alternate_are_read_by_a_frame() {
        let mut frames = Frames::default();
        let rows = [r#"{"a": 1}"#, r#"{"b": 1}"#]
            .into_iter()
            .cycle()
            .take(1_000);
        let read = rows.filter(|json| is_read(&mut frames, "t", json)).count();
        assert!(read > 450, "{read}");
    }

    #[test]
    fn frames_of_further_tables_are_not_kept() {
        let mut frames = Frames::default();
        for _ in 0..2 {
            for n in 0..=TABLES {
                is_read(&mut frames, &n.to_string(), r#"{"a": 1}"#);
            }
        }
        assert!(is_read(&mut frames, "0", r#"{"a": 1}"#));
        assert!(!is_read(&mut frames, &TABLES.to_string(), r#"{"a": 1}"#));
    }

    #[test]
    fn a_frame_repeats_no_name_and_is_not_long() {
        let long = "a".repeat(TEXT_BYTES);
        for json in [r#"{"a": 1, "a": 2}"#, &format!(r#"{{"{long}": 1}}"#)] {
            let mut frames = Frames::default();
            assert!((0..10).all(|_| !is_read(&mut frames, "t", json)));
        }
        let mut frames = Frames::default();
        let value = format!(r#"{{"a": "{long}"}}"#);
        assert!(!is_read(&mut frames, "t", &value));
        assert!(is_read(&mut frames, "t", &value));
    }
}
