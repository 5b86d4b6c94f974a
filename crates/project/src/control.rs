//! Control characters: Postgres and Trino refuse some of them in names and texts, so no file may bring them in.

use serde_json::Value;

use crate::fault::Fault;

/// The first control character of a text that is neither a tab nor the end of a line.
pub(crate) fn control_character(text: &str) -> Option<char> {
    text.chars()
        .find(|letter| letter.is_control() && !matches!(letter, '\t' | '\n' | '\r'))
}

/// The fault of a file whose text has a control character.
pub(crate) fn fault_of_text(place: &str, text: &str) -> Option<Fault> {
    let letter = control_character(text)?;
    let line = text.lines().position(|line| line.contains(letter));
    let message = format!("the file has {}; remove it", named(letter));

    Some(Fault::new(place, message).at(line.map(|line| line + 1)))
}

/// The fault of values that have one. As `text`, which they come from, has none itself, it writes an escape such as `\u0000`.
pub(crate) fn fault_of_values(place: &str, values: &Value, text: &str) -> Option<Fault> {
    let Found { path, letter } = found(String::new(), values)?;
    let message = format!("`{path}` has {}; remove it", named(letter));

    Some(Fault::new(place, message).at(line_of_escape(text, letter)))
}

/// The fault of SQL that has one.
pub(crate) fn fault_of_sql(place: &str, sql: &str, text: &str) -> Option<Fault> {
    let letter = control_character(sql)?;
    let message = format!("the rendered SQL has {}; remove it", named(letter));

    Some(Fault::new(place, message).at(line_of_escape(text, letter)))
}

fn named(letter: char) -> String {
    format!("the control character U+{:04X}", u32::from(letter))
}

/// A control character, with the keys that lead to it: `models[0].name`.
struct Found {
    path: String,
    letter: char,
}

fn found(path: String, value: &Value) -> Option<Found> {
    match value {
        Value::String(text) => control_character(text).map(|letter| Found { path, letter }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, item)| found(format!("{path}[{at}]"), item)),
        Value::Object(entries) => entries.iter().find_map(|(key, value)| {
            let point = if path.is_empty() { "" } else { "." };
            let shown = key.replace(char::is_control, "?");
            let path = format!("{path}{point}{shown}");
            match control_character(key) {
                Some(letter) => Some(Found { path, letter }),
                None => found(path, value),
            }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The first line that writes the character by an escape of YAML or Jinja.
fn line_of_escape(text: &str, letter: char) -> Option<usize> {
    let code = u32::from(letter);
    let mut escapes = vec![
        format!("\\x{code:02x}"),
        format!("\\u{code:04x}"),
        format!("\\u{code:08x}"),
    ];
    let short = match letter {
        '\0' => Some("\\0"),
        '\u{7}' => Some("\\a"),
        '\u{8}' => Some("\\b"),
        '\u{b}' => Some("\\v"),
        '\u{c}' => Some("\\f"),
        '\u{1b}' => Some("\\e"),
        '\u{85}' => Some("\\n"),
        _ => None,
    };
    escapes.extend(short.map(str::to_owned));
    let writes_it = |line: &str| {
        let line = line.to_lowercase();
        escapes.iter().any(|escape| line.contains(escape))
    };

    text.lines().position(writes_it).map(|line| line + 1)
}
