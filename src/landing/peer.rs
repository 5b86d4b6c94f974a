//! Compares how we open a row's JSON, by itself and by the frame of those before, with what `serde_json` makes of it, over random texts.

use std::fmt;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Event;
use super::arrow::Rows;
use super::fields::open;

/// Names and values, where a text is an object.
type Opened = Option<Vec<(String, Option<String>)>>;

#[derive(Default)]
struct Object(Vec<(String, Box<RawValue>)>);

impl<'de> Visitor<'de> for Object {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            match self.0.iter_mut().find(|(known, _)| *known == name) {
                Some(field) => field.1 = value,
                None => self.0.push((name, value)),
            }
        }

        Ok(self)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_map(Self::default())
    }
}

fn text(raw: &RawValue) -> Result<Option<String>, serde_json::Error> {
    match raw.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw.get()).map(Some),
        Some(b'n') => Ok(None),
        Some(_) => Ok(Some(raw.get().to_owned())),
        None => Err(serde_json::Error::custom("no value")),
    }
}

/// What `serde_json` makes of a text, by its own rules.
fn peer(json: &str) -> Opened {
    let Object(fields) = serde_json::from_str(json).ok()?;

    fields
        .into_iter()
        .map(|(name, value)| Ok((name, text(&value)?)))
        .collect::<Result<_, serde_json::Error>>()
        .ok()
}

/// Pieces that valid and invalid JSON is made of.
#[rustfmt::skip]
const PIECES: [&str; 49] = [
    "{", "}", "[", "]", ",", ":", " ", "\n", "\t", "\r", "\"", "\\", "\"a\"", "\"b\"", "\"aa\"", "\"\"",
    "\"a\":", "\"b\": ", "\"c\":1,", "\"\\u0061\":", "\"longer than eight\"", "\"é\u{1f600}\"", "\"\u{1}\"", "\u{b}",
    "\"\\ud83d\\ude00\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\u00g0\"", "\"\\u12\"", "\"\\/\\b\\f\\n\\r\\t\\\"\"", "\"\\x\"",
    "\"seven b\\\\\"", "0", "-", "1", "12345678901.1234567890", "12.50", "1e5", "1E+400", "-0.1e-7", "01", "1.", ".5", "null", "true", "false", "nul",
    "[1, {\"x\": [\"]\"]}]", "{\"a\": {}, \"b\": []}",
];

fn random_value(rng: &mut StdRng, depth: usize) -> String {
    match rng.random_range(0..if depth < 3 { 10 } else { 8 }) {
        8 => random_object(rng, depth + 1),
        9 => {
            let items: Vec<_> = (0..rng.random_range(0..4))
                .map(|_| random_value(rng, depth + 1))
                .collect();
            format!("[{}]", items.join(", "))
        }
        _ => PIECES[rng.random_range(10..PIECES.len())].to_owned(),
    }
}

fn random_names(rng: &mut StdRng) -> Vec<&'static str> {
    let names = [
        "a",
        "b",
        "é",
        "bb",
        "\\u0061",
        "a much longer name",
        "",
        "\\n",
        "\\ud800x",
    ];

    (0..rng.random_range(0..6))
        .map(|_| names[rng.random_range(0..names.len())])
        .collect()
}

fn object_of(names: &[&str], separator: &str, rng: &mut StdRng, depth: usize) -> String {
    let members: Vec<_> = names
        .iter()
        .map(|name| format!("\"{name}\": {}", random_value(rng, depth)))
        .collect();

    format!("{{{}}}", members.join(separator))
}

fn random_object(rng: &mut StdRng, depth: usize) -> String {
    let names = random_names(rng);
    let separator = [",", ", "][rng.random_range(0..2)];

    object_of(&names, separator, rng, depth)
}

/// An object, and where chance has it a piece of something else in place of a character.
fn random_text(rng: &mut StdRng) -> String {
    let object = random_object(rng, 0);

    mutated(object, rng)
}

fn mutated(mut text: String, rng: &mut StdRng) -> String {
    while rng.random_range(0..3) == 0 {
        let places: Vec<_> = text.char_indices().collect();
        let (at, old) = places[rng.random_range(0..places.len())];
        let end = at + old.len_utf8() * rng.random_range(0..2);
        let piece = PIECES[rng.random_range(0..PIECES.len())];
        text.replace_range(at..end, piece);
    }

    text
}

#[test]
fn every_text_is_opened_as_serde_json_opens_it() {
    let mut rng = StdRng::seed_from_u64(1);
    let (mut opened, mut refused) = (0, 0);
    for _ in 0..200_000 {
        let json = random_text(&mut rng);
        let ours: Opened = open(&json).map(|fields| {
            fields
                .iter()
                .map(|(name, value)| (name.into_owned(), value.map(Into::into)))
                .collect()
        });
        assert_eq!(ours, peer(&json), "{json}");
        *(if ours.is_some() {
            &mut opened
        } else {
            &mut refused
        }) += 1;
    }
    assert!(opened > 20_000 && refused > 20_000, "{opened} {refused}");
}

/// What the rows' columns hold of each text.
fn collected(texts: &[String]) -> Vec<Opened> {
    let mut rows = Rows::new(1, 0);
    for text in texts {
        let event = Event {
            table: Some("t"),
            data: Some(text),
            ..Event::default()
        };
        rows.push(&event).expect("few");
    }
    let batch = rows.finish().expect("as long as each other");
    let column = batch.column_by_name("fields").expect("a column");
    let texts = |of: ArrayRef| -> Vec<Option<String>> {
        let of = of.as_string::<i32>().iter();
        of.map(|text| text.map(str::to_owned)).collect()
    };
    let objects = column.as_map().iter();

    objects
        .map(|object| {
            let object = object?;
            let names = texts(object.column(0).clone()).into_iter().flatten();
            Some(names.zip(texts(object.column(1).clone())).collect())
        })
        .collect()
}

#[test]
fn rows_of_one_table_are_collected_as_serde_json_opens_each_by_itself() {
    let mut rng = StdRng::seed_from_u64(2);
    for _ in 0..10_000 {
        let names = random_names(&mut rng);
        let texts: Vec<_> = (0..10)
            .map(|_| {
                let row = object_of(&names, ", ", &mut rng, 0);
                match rng.random_range(0..6) {
                    0 => random_text(&mut rng),
                    1 | 2 => mutated(row, &mut rng),
                    _ => row,
                }
            })
            .collect();
        let peers: Vec<_> = texts.iter().map(|text| peer(text)).collect();
        assert_eq!(collected(&texts), peers, "{texts:#?}");
    }
}
