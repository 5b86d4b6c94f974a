//! Opens a row's JSON once: every top-level value as its exact text.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

const SMALL: usize = 32;

/// The top-level values of a JSON object, in the order in which they first appear.
///
/// Numbers keep their digits, strings lose their quotes and escapes, nested values stay JSON, `null` is `None`. Of a
/// repeated key the last value counts, as in Postgres' `jsonb`.
pub(super) type Fields<'a> = Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>;

/// Opens a JSON object; `None` where the text is not one.
pub(super) fn open(json: &str) -> Option<Fields<'_>> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let raw = reader.deserialize_map(Object).ok()?;
    reader.end().ok()?;

    raw.into_iter()
        .map(|(name, value)| Ok((name, text(value.get())?)))
        .collect::<Result<_, serde_json::Error>>()
        .ok()
}

/// The text of one value; an error where it is a string that no text can hold.
fn text(raw: &str) -> Result<Option<Cow<'_, str>>, serde_json::Error> {
    Ok(match raw.as_bytes().first() {
        Some(b'"') if !raw.contains('\\') => Some(Cow::Borrowed(&raw[1..raw.len() - 1])),
        Some(b'"') => Some(Cow::Owned(serde_json::from_str(raw)?)),
        Some(b'n') => None,
        _ => Some(Cow::Borrowed(raw)),
    })
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields: Self::Value = Vec::with_capacity(16);
        let mut places: HashMap<String, usize> = HashMap::new();
        while let Some(name) = map.next_key_seed(Name)? {
            let value: &RawValue = map.next_value()?;
            match place(&name, &fields, &mut places) {
                Some(at) => fields[at].1 = value,
                None => fields.push((name, value)),
            }
        }

        Ok(fields)
    }
}

/// Where a name already stands: by looking in few fields, by a map in many.
fn place(
    name: &str,
    fields: &[(Cow<'_, str>, &RawValue)],
    places: &mut HashMap<String, usize>,
) -> Option<usize> {
    if fields.len() < SMALL {
        return fields.iter().position(|(known, _)| known == name);
    }
    for (at, (known, _)) in fields.iter().enumerate().skip(places.len()) {
        places.insert(known.to_string(), at);
    }

    places.get(name).copied()
}

struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::open;

    fn fields(json: &str) -> Vec<(String, Option<String>)> {
        let fields = open(json).expect("an object");
        fields
            .into_iter()
            .map(|(name, value)| (name.into_owned(), value.map(Into::into)))
            .collect()
    }

    fn field(json: &str) -> Option<String> {
        fields(json).remove(0).1
    }

    #[test]
    fn numbers_keep_every_digit() {
        for number in ["12345678901234567890.10", "1.0", "-0", "1e400", "0.1000"] {
            assert_eq!(
                field(&format!(r#"{{"a": {number}}}"#)).as_deref(),
                Some(number)
            );
        }
    }

    #[test]
    fn strings_lose_quotes_and_escapes_only() {
        assert_eq!(
            field(r#"{"a": "x \"y\" \u00e9 \n"}"#).as_deref(),
            Some("x \"y\" é \n")
        );
        assert_eq!(field(r#"{"a": " 7 "}"#).as_deref(), Some(" 7 "));
    }

    #[test]
    fn null_is_no_text_and_an_absent_field_is_absent() {
        assert_eq!(
            fields(r#"{"a": null, "b": "null"}"#),
            [("a".into(), None), ("b".into(), Some("null".into()))]
        );
    }

    #[test]
    fn nested_values_stay_json() {
        assert_eq!(
            field(r#"{"a": {"b": [1, "]}"]}}"#).as_deref(),
            Some(r#"{"b": [1, "]}"]}"#)
        );
    }

    #[test]
    fn of_a_repeated_key_the_last_value_counts_among_few_fields_and_many() {
        assert_eq!(
            fields(r#"{"a": 1, "b": 2, "a": 3}"#),
            [
                ("a".into(), Some("3".into())),
                ("b".into(), Some("2".into()))
            ]
        );
        let many: Vec<String> = (0..100).map(|n| format!(r#""f{}": {n}"#, n % 50)).collect();
        let fields = fields(&format!("{{{}}}", many.join(",")));
        assert_eq!(fields.len(), 50);
        assert_eq!(fields[7], ("f7".into(), Some("57".into())));
    }

    #[test]
    fn what_is_no_object_is_not_opened() {
        for json in [
            "",
            "[1]",
            "7",
            "null",
            "{",
            r#"{"a": }"#,
            r#"{"a": 1} x"#,
            r#"{"a": [}"#,
            r#"{"a": "\ud800"}"#,
        ] {
            assert!(open(json).is_none(), "{json}");
        }
    }
}
