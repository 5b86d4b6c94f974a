//! Texts and JSON as customers type them, with quotes and emoji. With extremes, also texts that break careless readers.

use serde_json::{Value, json};

use crate::random::Random;

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
/// With extremes, one text in this many is an oddity or very long.
const EXTREME: u32 = 100;
/// Larger than a page, so that Postgres keeps it out of line.
const LONG: usize = 12_000;

pub(crate) fn name(random: &mut Random) -> String {
    format!("{} {}", random.pick(&FIRST_NAMES), random.pick(&LAST_NAMES))
}

pub(crate) fn email(random: &mut Random) -> String {
    format!(
        "customer.{:08x}@example.{}",
        random.any::<u32>(),
        random.pick(&["com", "org", "test"])
    )
}

pub(crate) fn country(random: &mut Random) -> &'static str {
    random.pick(&COUNTRIES)
}

pub(crate) fn tags(random: &mut Random) -> Vec<&'static str> {
    (0..random.within(0..4))
        .map(|_| random.pick(&TAGS))
        .collect()
}

/// A remark, which mostly says nothing surprising.
pub(crate) fn remark(random: &mut Random) -> Option<String> {
    if random.chance(0.4) {
        return None;
    }
    if random.is_extreme(EXTREME) {
        return Some(oddity(random));
    }
    Some(format!(
        "{}, {}",
        random.pick(&REMARKS),
        random.pick(&REMARKS)
    ))
}

fn oddity(random: &mut Random) -> String {
    if random.one_in(10) {
        // Letters that compress badly.
        return (0..LONG)
            .map(|_| char::from(random.within(b' '..=b'~')))
            .collect();
    }
    random.pick(&ODDITIES).to_owned()
}

fn points(random: &mut Random) -> i64 {
    if random.extremes {
        // Mostly more digits than a double holds.
        random.any()
    } else {
        random.within(0..10_000)
    }
}

/// What is known of a customer.
pub(crate) fn profile(random: &mut Random) -> Option<Value> {
    match random.within(0..6) {
        0 | 1 => None,
        2 => Some(json!({})),
        3 => Some(
            json!({"newsletter": random.any::<bool>(), "language": random.pick(&["de", "en", "日本語"])}),
        ),
        4 => Some(
            json!({"points": points(random), "level": null, "note": random.pick_extreme(&ODDITIES, &REMARKS)}),
        ),
        _ => Some(json!({
            "address": {"city": random.pick(&["Köln", "São Paulo", "Tromsø"]), "lines": ["1 \"Main\" St", null, random.pick_extreme(&ODDITIES, &REMARKS)]},
            "ratio": random.any::<f64>(),
        })),
    }
}

/// What is special about an order.
pub(crate) fn attributes(random: &mut Random) -> Option<Value> {
    match random.within(0..5) {
        0 | 1 => None,
        2 => Some(json!({"gift": true, "colour": random.pick(&["red", "grün", "#00f"])})),
        3 => Some(
            json!({"channel": random.pick(&["web", "app", "shop"]), "steps": [random.within(0..9), 1.5, null]}),
        ),
        // JSON need not be an object.
        _ if random.one_in(20) => Some(random.pick(&[0, 1, 2, 3]).into()),
        _ => Some(json!({"campaign": {"id": random.any::<u32>(), "name": random.pick(&REMARKS)}})),
    }
}
