//! Patterns of pipelines' names, such as `crm_*`: each `*` stands for any characters.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};

const LONGEST: usize = 128;

/// A pipeline's name, in which `*` stands for any characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern that every name has the form of.
    #[must_use]
    pub fn everything() -> Self {
        Self("*".into())
    }

    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0 == "*"
    }

    /// Whether it is one name, without a `*`.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name has its form. It takes at most the product of both lengths, whatever the pattern.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else {
            return self.0 == name;
        };
        let Some(mut name) = name.strip_prefix(start) else {
            return false;
        };
        let Some((between, end)) = rest.rsplit_once('*') else {
            return name.ends_with(rest);
        };
        for part in between.split('*') {
            let Some(at) = name.find(part) else {
                return false;
            };
            name = &name[at + part.len()..];
        }

        name.ends_with(end)
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '*');
        if (1..=LONGEST).contains(&text.len()) && text.chars().all(is_allowed) {
            return Ok(Self(text.to_owned()));
        }

        Err(format!(
            "`{text}` names no pipelines; write a pipeline's name, in which `*` stands for any characters"
        ))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = String::deserialize(reader)?;

        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        let matches = |pattern: &str, name: &str| Pattern(pattern.into()).matches(name);
        for (pattern, name) in [
            ("*", "shop"),
            ("*", ""),
            ("sh*", "shop"),
            ("*op", "shop"),
            ("s*o*p", "shop"),
            ("s**p", "shop"),
            ("*a*a*", "banana"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("", "shop"),
            ("shop", "Shop"),
            ("shop*", "sho"),
            ("*shop", "shop2"),
            ("a*ba", "aba_"),
            ("ab*ba", "aba"),
            ("*a*a*a*a*", "banana"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
