//! Where the keys of a YAML text are, and the texts that name environment variables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::environment::Environment;
use super::finding::Position;

/// The keys of a YAML text with their places. Of a text that is no YAML there are none.
#[derive(Debug, Default)]
pub(super) struct Places {
    keys: Vec<Key>,
    items: Vec<Value>,
    /// A text that names environment variables.
    text: Option<String>,
}

#[derive(Debug)]
struct Key {
    name: String,
    position: Position,
    value: Value,
}

#[derive(Debug)]
struct Value {
    position: Position,
    below: Places,
}

impl Places {
    pub(super) fn of(text: &str) -> Self {
        let plainly = serde_saphyr::options! { with_snippet: false };

        serde_saphyr::from_str_with_options(text, plainly).unwrap_or_default()
    }

    /// The place of a key, by the keys that lead to it; of the last one that is there.
    pub(super) fn find(&self, path: &[&str]) -> Option<Position> {
        let (first, rest) = path.split_first()?;
        let key = self.keys.iter().find(|key| key.name == **first)?;

        key.value.below.find(rest).or(Some(key.position))
    }

    /// The names of the keys below a key of the first level, and of the keys below each of them.
    pub(super) fn names_below(&self, first: &str) -> BTreeMap<&str, BTreeSet<&str>> {
        let found = self.keys.iter().find(|key| key.name == first);
        let keys = found.into_iter().flat_map(|key| &key.value.below.keys);

        keys.map(|key| (key.name.as_str(), key.value.below.names()))
            .collect()
    }

    fn names(&self) -> BTreeSet<&str> {
        self.keys.iter().map(|key| key.name.as_str()).collect()
    }

    /// Whether the value of a key, or one that stands directly below it, names environment variables.
    pub(super) fn names_variables(&self, path: &[&str]) -> bool {
        if let Some((first, rest)) = path.split_first() {
            let key = self.keys.iter().find(|key| key.name == **first);
            return key.is_some_and(|key| key.value.below.names_variables(rest));
        }
        let of_keys = self.keys.iter().map(|key| &key.value);
        let mut below = of_keys.chain(&self.items);

        self.text.is_some() || below.any(|value| value.below.text.is_some())
    }

    /// The texts that name environment variables, with their places.
    pub(super) fn texts(&self) -> Vec<(&str, Position)> {
        let of_keys = self.keys.iter().map(|key| &key.value);
        let mut texts = Vec::new();
        for value in of_keys.chain(&self.items) {
            let text = value.below.text.as_deref();
            texts.extend(text.map(|text| (text, value.position)));
            texts.extend(value.below.texts());
        }

        texts
    }
}

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Keys)
    }
}

impl From<Spanned<Places>> for Value {
    fn from(spanned: Spanned<Places>) -> Self {
        Self {
            position: position(&spanned.referenced),
            below: spanned.value,
        }
    }
}

fn position(location: &Location) -> Position {
    let number = |number| usize::try_from(number).unwrap_or_default();

    Position {
        line: number(location.line()),
        column: number(location.column()),
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Places;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Places, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            keys.push(Key {
                position: position(&key.referenced),
                name: key.value,
                value: map.next_value::<Spanned<Places>>()?.into(),
            });
        }

        Ok(Places {
            keys,
            ..Places::default()
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Places, A::Error> {
        let mut read = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Places>>()? {
            read.push(item.into());
        }

        Ok(Places {
            items: read,
            ..Places::default()
        })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_i128<E>(self, _: i128) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_u128<E>(self, _: u128) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_str<E>(self, text: &str) -> Result<Places, E> {
        Ok(Places {
            text: Environment::concerns(text).then(|| text.to_owned()),
            ..Places::default()
        })
    }

    fn visit_unit<E>(self) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_none<E>(self) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Places, D::Error> {
        Places::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_at_its_place_or_at_the_one_above() {
        let places = Places::of("pipeline: shop\ntables:\n  orders:\n    key: [id]\n    from: 3\n");
        let at = |path: &[&str]| {
            let position = places.find(path).expect("a place");
            (position.line, position.column)
        };
        assert_eq!(at(&["tables", "orders", "from"]), (5, 5));
        assert_eq!(at(&["tables", "orders", "nowhere"]), (3, 3));
        assert_eq!(places.find(&["nowhere"]), None);
        assert!(places.names_below("tables")["orders"].contains("key"));
    }

    #[test]
    fn texts_that_name_variables_are_found_wherever_they_are() {
        let places = Places::of("a: ${X}\nb: [c, {d: \"<${Y}>\"}]\n${K}: e\n");
        let found = places.texts().into_iter();
        let found: Vec<_> = found.map(|(text, at)| (text, at.line, at.column)).collect();
        assert_eq!(found, [("${X}", 1, 4), ("<${Y}>", 2, 12)]);
    }
}
