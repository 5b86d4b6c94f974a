//! Texts and JSON as customers type them, with what breaks careless readers: quotes, backslashes, line ends, emoji.

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

const FIRST_NAMES: [&str; 16] = [
    "Anna",
    "Zoë",
    "Łukasz",
    "李雷",
    "Иван",
    "أحمد",
    "O'Neil",
    "José",
    "Søren",
    "Ayşe",
    "Chloé",
    "ゆき",
    "Bob \"Bobby\"",
    "N'Golo",
    "😀",
    "Max",
];
const LAST_NAMES: [&str; 16] = [
    "Smith",
    "O'Brien",
    "Müller",
    "D\u{2019}Angelo",
    "van der Berg",
    "王",
    "Ó Súilleabháin",
    "Back\\slash",
    "García-Márquez",
    "Nguyễn",
    "Петров",
    "Null",
    "de la Cruz",
    "Jr.",
    "Ångström",
    "🦀 Ferris",
];
const COUNTRIES: [&str; 12] = [
    "DE", "US", "CZ", "FR", "JP", "BR", "IN", "GB", "NO", "NL", "PL", "ES",
];
const TAGS: [&str; 8] = [
    "vip",
    "new",
    "b2b",
    "O'Tag",
    "два слова",
    "\"quoted\"",
    "🎁",
    "null",
];
const REMARKS: [&str; 10] = [
    "leave at the door",
    "ring twice",
    "a gift for my mother",
    "please call before delivery",
    "second floor, left",
    "neighbour takes it",
    "bitte klingeln",
    "s'il vous plaît",
    "на кассе",
    "fragile",
];
/// Rare, and each of them once broke something somewhere.
const ODDITIES: [&str; 16] = [
    "",
    " ",
    "null",
    "\\N",
    "line one\nline two\r\n\tline three",
    "it's \"quoted\" and `ticked`",
    "C:\\temp\\new\\u0041",
    "{\"looks\": \"like json\"}",
    "'; drop table orders; --",
    "{{ schema }} ${HOME} %s $1 $$",
    "👩\u{200d}👩\u{200d}👧\u{200d}👦 e\u{301} \u{1f1f3}\u{1f1f4}",
    "\u{1}\u{1f}\u{7f}\u{85}\u{feff}",
    "right \u{202e}to left\u{202c} and \u{a0}blanks\u{3000}",
    "a,b;c|d\te",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 beyond the \u{10ffff} basic plane",
    "trailing blank ",
];
/// One text in this many is an oddity, or very long.
const ODD: u32 = 100;
/// Larger than a page, so that Postgres keeps it out of line.
const LONG: usize = 12_000;

/// Picks one of some values.
pub(super) fn pick<T: Copy>(rng: &mut StdRng, values: &[T]) -> T {
    values[rng.random_range(0..values.len())]
}

pub(super) fn name(rng: &mut StdRng) -> String {
    format!("{} {}", pick(rng, &FIRST_NAMES), pick(rng, &LAST_NAMES))
}

pub(super) fn email(rng: &mut StdRng) -> String {
    format!(
        "customer.{:08x}@example.{}",
        rng.random::<u32>(),
        pick(rng, &["com", "org", "test"])
    )
}

pub(super) fn country(rng: &mut StdRng) -> &'static str {
    pick(rng, &COUNTRIES)
}

/// Some tags with commas between them; none have a comma in them.
pub(super) fn tags(rng: &mut StdRng) -> String {
    let tags: Vec<_> = (0..rng.random_range(0..4))
        .map(|_| pick(rng, &TAGS))
        .collect();
    tags.join(",")
}

/// A remark, which mostly says nothing surprising.
pub(super) fn remark(rng: &mut StdRng) -> Option<String> {
    if rng.random_ratio(2, 5) {
        return None;
    }
    if rng.random_ratio(1, ODD) {
        return Some(oddity(rng));
    }
    Some(format!("{}, {}", pick(rng, &REMARKS), pick(rng, &REMARKS)))
}

fn oddity(rng: &mut StdRng) -> String {
    if rng.random_ratio(1, 10) {
        // Letters that compress badly.
        return (0..LONG)
            .map(|_| char::from(rng.random_range(b' '..=b'~')))
            .collect();
    }
    pick(rng, &ODDITIES).to_owned()
}

/// What is known of a customer.
pub(super) fn profile(rng: &mut StdRng) -> Option<Value> {
    match rng.random_range(0..6) {
        0 | 1 => None,
        2 => Some(json!({})),
        3 => Some(
            json!({"newsletter": rng.random::<bool>(), "language": pick(rng, &["de", "en", "日本語"])}),
        ),
        4 => Some(
            json!({"points": rng.random::<i64>(), "level": null, "note": pick(rng, &ODDITIES)}),
        ),
        _ => Some(json!({
            "address": {"city": pick(rng, &["Köln", "São Paulo", "Tromsø"]), "lines": ["1 \"Main\" St", null, pick(rng, &ODDITIES)]},
            "ratio": rng.random::<f64>(),
        })),
    }
}

/// What is special about an order.
pub(super) fn attributes(rng: &mut StdRng) -> Option<Value> {
    match rng.random_range(0..5) {
        0 | 1 => None,
        2 => Some(json!({"gift": true, "colour": pick(rng, &["red", "grün", "#00f"])})),
        3 => Some(
            json!({"channel": pick(rng, &["web", "app", "shop"]), "steps": [rng.random_range(0..9), 1.5, null]}),
        ),
        // JSON need not be an object.
        _ if rng.random_ratio(1, 20) => Some(pick(rng, &[0, 1, 2, 3]).into()),
        _ => Some(json!({"campaign": {"id": rng.random::<u32>(), "name": pick(rng, &REMARKS)}})),
    }
}
