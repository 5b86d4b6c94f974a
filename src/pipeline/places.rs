//! Where the keys of a YAML text are.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::finding::Position;

/// The keys of a YAML text with their places. Of a text that is no YAML there are none.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<Key>);

#[derive(Debug)]
struct Key {
    name: String,
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
        let key = self.0.iter().find(|key| key.name == **first)?;

        key.below.find(rest).or(Some(key.position))
    }
}

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Keys)
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
            let (line, column) = (key.referenced.line(), key.referenced.column());
            keys.push(Key {
                name: key.value,
                position: Position {
                    line: usize::try_from(line).unwrap_or_default(),
                    column: usize::try_from(column).unwrap_or_default(),
                },
                below: map.next_value()?,
            });
        }

        Ok(Places(keys))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Places, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}

        Ok(Places::default())
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

    fn visit_str<E>(self, _: &str) -> Result<Places, E> {
        Ok(Places::default())
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
    }
}
