//! Masks what differs between two runs of a test, so that an answer can be compared with a snapshot.

use serde_json::Value;

/// Letters, digits and signs that an id, a time or a name consists of.
fn belongs_to_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_-:.+".contains(character)
}

/// The value with `<id>` for UUIDs, `<time>` for times, and `test` for the name of the test, such as `test_0123abcd`.
pub(crate) fn shown(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(masked(text)),
        Value::Array(values) => values.iter().map(shown).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (masked(name), shown(value)))
            .collect(),
        other => other.clone(),
    }
}

fn masked(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .find(|character| !belongs_to_word(character))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        masked.push_str(&masked_word(word));
        let sign = after.chars().next().map_or(0, char::len_utf8);
        masked.push_str(&after[..sign]);
        rest = &after[sign..];
    }

    masked
}

fn masked_word(word: &str) -> String {
    if word.parse::<jiff::Timestamp>().is_ok() {
        return "<time>".to_owned();
    }
    if word.len() == 36 && word.parse::<uuid::Uuid>().is_ok() {
        return "<id>".to_owned();
    }
    let Some(start) = word.to_ascii_lowercase().find("test_") else {
        return word.to_owned();
    };
    let (name, after) = (start + 5, start + 13);
    match word.get(name..after) {
        Some(id) if id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            format!("{}{}", &word[..start + 4], masked_word(&word[after..]))
        }
        _ => word.to_owned(),
    }
}
