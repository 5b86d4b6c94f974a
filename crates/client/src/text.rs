//! Text from the server, made safe for a terminal, and numbers for people.

use std::fmt::Write as _;

use serde_json::Value;

/// Whether a character could drive the terminal, or change the order of what stands around it.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn escaped(text: &str, keeps: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if !is_unsafe(character) || keeps(character) {
            safe.push(character);
        } else {
            safe.extend(character.escape_default());
        }
    }

    safe
}

/// Text of several lines. Control characters are written as escapes.
pub(crate) fn clean(text: &str) -> String {
    escaped(text, |character| matches!(character, '\n' | '\t'))
}

/// Text on one line.
#[must_use]
pub fn one_line(text: &str) -> String {
    escaped(text, |_| false)
}

/// JSON in which no character can drive the terminal. It means the same.
pub(crate) fn clean_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        if is_unsafe(character) && character != '\n' {
            // All of them are below U+10000. Writing to a text cannot fail.
            let _ = write!(safe, "\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }

    safe
}

/// YAML in which no character can drive the terminal: what its writer left is replaced.
pub(crate) fn clean_yaml(yaml: &str) -> String {
    let replaced = |character: char| match character {
        '\n' => '\n',
        character if is_unsafe(character) => char::REPLACEMENT_CHARACTER,
        character => character,
    };

    yaml.chars().map(replaced).collect()
}

/// A value of a row, on one line.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::String(text) => one_line(text),
        other => one_line(&other.to_string()),
    }
}

/// A number with commas: `1,234,567`.
#[must_use]
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }

    if number < 0 { format!("-{text}") } else { text }
}

/// `1 batch`, `2 batches`.
#[must_use]
pub fn plural(number: i64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };

    format!("{} {noun}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_text_cannot_drive_the_terminal() {
        let hostile = "a\u{1b}]0;title\u{7}\u{9b}2J\r\u{202e}b\nc";

        assert_eq!(
            clean(hostile),
            "a\\u{1b}]0;title\\u{7}\\u{9b}2J\\r\\u{202e}b\nc"
        );
        assert_eq!(one_line("a\nb\tc"), "a\\nb\\tc");
    }

    #[test]
    fn clean_json_means_the_same() {
        let json = serde_json::to_string_pretty(&["\u{9b}2J", "\u{1b}", "ü"]).expect("JSON");
        let safe = clean_json(&json);

        assert!(
            safe.chars()
                .all(|character| character == '\n' || !is_unsafe(character))
        );
        assert_eq!(
            serde_json::from_str::<Value>(&safe).expect("JSON"),
            serde_json::from_str::<Value>(&json).expect("JSON")
        );
    }

    #[test]
    fn numbers_have_commas() {
        assert_eq!(
            [0, 999, 1_000, -1_234_567].map(count),
            ["0", "999", "1,000", "-1,234,567"]
        );
        assert_eq!(plural(1, "batch", "batches"), "1 batch");
    }
}
