//! Opens a row's JSON once: gives every top-level value as its exact text.

use std::borrow::Cow;
use std::collections::HashMap;

use super::json::Walk;
use super::token::Token;

/// An object with this many members finds repeated names by a map.
const MANY_MEMBERS: usize = 32;

/// The top-level names and values of a JSON object, in the order in which they first appear.
#[derive(Default)]
pub struct Fields<'a> {
    members: Vec<(Token<'a>, Token<'a>)>,
    /// Whether a name or a value is escaped.
    is_escaped: bool,
    /// Whether the names are not in the order in which `jsonb` writes them. Only then can a name be repeated.
    is_unordered: bool,
    /// The index of each name in `members`; filled only if there are [`MANY_MEMBERS`].
    places: HashMap<Cow<'a, str>, usize>,
}

/// Opens a JSON object. `None` if the text is no object, or holds a string that escapes half a character.
#[must_use]
pub fn open(json: &str) -> Option<Fields<'_>> {
    let mut walk = Walk::new(json);
    if !walk.eat(b'{') {
        return None;
    }
    let mut opened = Fields::default();
    let mut has_ended = walk.eat(b'}');
    while !has_ended {
        opened.put(walk.name()?, walk.value()?)?;
        has_ended = walk.eat(b'}');
        if !has_ended && !walk.eat(b',') {
            return None;
        }
    }

    (walk.is_at_end() && opened.can_be_decoded()).then_some(opened)
}

impl<'a> Fields<'a> {
    /// Gives names and values.
    ///
    /// Numbers keep their digits, strings lose their quotes and escapes, nested values stay JSON, `null` is `None`. If
    /// a name is repeated, the last value counts, as in Postgres' `jsonb`.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'a, str>, Option<Cow<'a, str>>)> {
        self.members
            .iter()
            .map(|(name, value)| (name.text().unwrap_or_default(), value.text()))
    }

    #[inline]
    fn put(&mut self, name: Token<'a>, value: Token<'a>) -> Option<()> {
        self.is_escaped |= name.is_escaped() | value.is_escaped();
        self.is_unordered |= match self.members.last() {
            Some((last, _)) => name.is_escaped() || !is_before(last.text, name.text),
            None => name.is_escaped(),
        };
        if self.members.is_empty() {
            self.members.reserve(16);
        }
        if self.is_unordered
            && let Some(at) = self.place(&name.text()?)
        {
            self.members[at].1 = value;
        } else {
            self.members.push((name, value));
        }

        Some(())
    }

    /// The index of a name in `members`. Few members are searched one by one, many by a map.
    fn place(&mut self, name: &str) -> Option<usize> {
        if self.members.len() < MANY_MEMBERS {
            return self
                .members
                .iter()
                .position(|(known, _)| known.text().is_some_and(|known| known == name));
        }
        for (at, (known, _)) in self.members.iter().enumerate().skip(self.places.len()) {
            self.places.insert(known.text()?, at);
        }

        self.places.get(name).copied()
    }

    fn can_be_decoded(&self) -> bool {
        !self.is_escaped || self.members.iter().all(|(_, value)| value.can_be_decoded())
    }
}

/// Whether `jsonb` writes one name before the other: the shorter first, names of one length by their bytes.
fn is_before(one: &str, other: &str) -> bool {
    one.len() < other.len() || one.len() == other.len() && one < other
}

#[cfg(test)]
mod tests {
    use super::open;

    fn fields(json: &str) -> Vec<(String, Option<String>)> {
        let fields = open(json).expect("an object");
        fields
            .iter()
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
    fn the_last_value_of_a_repeated_name_counts_among_few_fields_and_many() {
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
    fn a_text_that_is_no_object_is_not_opened() {
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
