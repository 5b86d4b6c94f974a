//! Compares how we open a row's JSON with what `serde_json` makes of it, over random texts.

use std::fmt;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::open;

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
fn peer(json: &str) -> Option<Vec<(String, Option<String>)>> {
    let Object(fields) = serde_json::from_str(json).ok()?;

    fields
        .into_iter()
        .map(|(name, value)| Ok((name, text(&value)?)))
        .collect::<Result<_, serde_json::Error>>()
        .ok()
}

/// Pieces that valid and invalid JSON is made of.
#[rustfmt::skip]
const PIECES: [&str; 48] = [
    "{", "}", "[", "]", ",", ":", " ", "\n", "\t", "\r", "\"", "\\", "\"a\"", "\"b\"", "\"aa\"", "\"\"",
    "\"a\":", "\"b\": ", "\"c\":1,", "\"\\u0061\":", "\"longer than eight\"", "\"é\u{1f600}\"", "\"\u{1}\"", "\u{b}",
    "\"\\ud83d\\ude00\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\u00g0\"", "\"\\u12\"", "\"\\/\\b\\f\\n\\r\\t\\\"\"", "\"\\x\"",
    "\"seven b\\\\\"", "0", "-", "1", "12.50", "1e5", "1E+400", "-0.1e-7", "01", "1.", ".5", "null", "true", "false", "nul",
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

fn random_object(rng: &mut StdRng, depth: usize) -> String {
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
    let members: Vec<_> = (0..rng.random_range(0..6))
        .map(|_| {
            let name = names[rng.random_range(0..names.len())];
            format!("\"{name}\": {}", random_value(rng, depth))
        })
        .collect();
    format!("{{{}}}", members.join([",", ", "][rng.random_range(0..2)]))
}

/// An object, and where chance has it a piece of something else in place of a character.
fn random_text(rng: &mut StdRng) -> String {
    let mut text = random_object(rng, 0);
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
        let ours: Option<Vec<_>> = open(&json).map(|fields| {
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
