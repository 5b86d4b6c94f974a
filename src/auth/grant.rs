//! Grants: a role on the pipelines that a pattern names, such as `runner:shop` or `reader:crm_*`.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};

use super::role::Role;
use crate::config::Pattern;

/// A role on some pipelines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    role: Role,
    pattern: Pattern,
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
            pattern: Pattern::everything(),
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
        self.that_include(role)
            .any(|grant| grant.pattern.is_everything())
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
        self.pattern.matches(pipeline)
    }
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
        let pattern = pattern.parse().map_err(|_| {
            format!(
                "`{text}` names no pipelines; after the colon write a pipeline's name, in which `*` stands for any characters"
            )
        })?;

        Ok(Self { role, pattern })
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
    fn a_wrong_grant_is_answered_with_the_right_one() {
        let fault = |text: &str| text.parse::<Grant>().expect_err(text);
        assert!(fault("shop").contains("`runner:shop`"));
        assert!(fault("runer:shop").contains("did you mean `runner`?"));
        assert!(fault("runner:").contains("after the colon"));
        assert!(fault("runner:shop.orders").contains("after the colon"));
    }
}
