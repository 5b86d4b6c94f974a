//! Grants: a role on the pipelines that a pattern names, such as `runner:shop` or `reader:crm_*`.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};

use super::role::Role;

const LONGEST_PATTERN: usize = 128;

/// A role on some pipelines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    role: Role,
    /// A pipeline's name; each `*` stands for any characters.
    pattern: String,
}

/// All grants of a caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

impl Grants {
    #[must_use]
    pub fn new(grants: Vec<Grant>) -> Self {
        Self(grants)
    }

    /// The grants of every caller when authentication is off.
    #[must_use]
    pub fn everything() -> Self {
        Self(vec![Grant {
            role: Role::Admin,
            pattern: "*".into(),
        }])
    }

    /// Whether they give a role on a pipeline.
    #[must_use]
    pub fn have(&self, role: Role, pipeline: &str) -> bool {
        self.that_include(role).any(|grant| grant.names(pipeline))
    }

    /// Whether they give a role on all pipelines, also on those to come.
    #[must_use]
    pub fn have_everywhere(&self, role: Role) -> bool {
        self.that_include(role).any(|grant| grant.pattern == "*")
    }

    /// Whether they give a role on any pipeline.
    #[must_use]
    pub fn have_somewhere(&self, role: Role) -> bool {
        self.that_include(role).next().is_some()
    }

    fn that_include(&self, role: Role) -> impl Iterator<Item = &Grant> {
        self.0.iter().filter(move |grant| grant.role.includes(role))
    }
}

impl Grant {
    fn names(&self, pipeline: &str) -> bool {
        matches(&self.pattern, pipeline)
    }
}

/// Whether a name has the form of a pattern. It takes at most the product of both lengths, whatever the pattern.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
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

impl FromStr for Grant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((role, pattern)) = text.split_once(':') else {
            return Err(format!(
                "`{text}` is no grant; write a role and a pipeline, such as `runner:shop` or `reader:*`"
            ));
        };
        let role = role.parse()?;
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '*');
        if !(1..=LONGEST_PATTERN).contains(&pattern.len()) || !pattern.chars().all(is_allowed) {
            return Err(format!(
                "`{text}` names no pipelines; after the colon write a pipeline's name, in which `*` stands for any characters"
            ));
        }

        Ok(Self {
            role,
            pattern: pattern.to_owned(),
        })
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}:{}", self.role.as_str(), self.pattern)
    }
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = String::deserialize(reader)?;

        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(all: &[&str]) -> Grants {
        Grants::new(all.iter().map(|text| text.parse().expect(text)).collect())
    }

    #[test]
    fn a_role_on_some_pipelines_is_none_on_others() {
        let grants = grants(&["runner:shop", "reader:crm_*"]);
        assert!(grants.have(Role::Runner, "shop"));
        assert!(grants.have(Role::Viewer, "shop"));
        assert!(!grants.have(Role::Reader, "shop"));
        assert!(!grants.have(Role::Runner, "shop2"));
        assert!(grants.have(Role::Reader, "crm_eu"));
        assert!(!grants.have(Role::Reader, "crm"));
        assert!(!grants.have(Role::Runner, "crm_eu"));
        assert!(grants.have_somewhere(Role::Reader) && !grants.have_everywhere(Role::Viewer));
    }

    #[test]
    fn a_star_stands_for_any_characters() {
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

    #[test]
    fn a_wrong_grant_is_answered_with_the_right_one() {
        let fault = |text: &str| text.parse::<Grant>().expect_err(text);
        assert!(fault("shop").contains("`runner:shop`"));
        assert!(fault("runer:shop").contains("did you mean `runner`?"));
        assert!(fault("runner:").contains("after the colon"));
        assert!(fault("runner:shop.orders").contains("after the colon"));
    }
}
