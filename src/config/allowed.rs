//! `[pipelines.allowed]`: which connections, schemas and variables a pipeline may use, by patterns of names.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::Pattern;

/// What pipelines may use. Without an entry, every pipeline may use everything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct AllowLists(BTreeMap<Pattern, AllowList>);

/// What the pipelines of a pattern may use. A list that is missing allows everything of its kind.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AllowList {
    connections: Option<BTreeSet<String>>,
    /// The schemas that it may write to, and read.
    schemas: Option<BTreeSet<String>>,
    /// Further schemas that its SQL may read; in other catalogs as `catalog.schema`.
    reads: BTreeSet<String>,
    env: Option<BTreeSet<String>>,
}

/// What one pipeline may use.
#[derive(Debug, Clone)]
pub struct Allowed {
    list: AllowList,
    /// The setting with the lists, such as `pipelines.allowed.shop`.
    setting: String,
    catalog: String,
}

impl AllowLists {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a pipeline of this name may use. Its exact name wins over patterns, then the longest pattern wins; of equally long
    /// ones, the first in the alphabet. A name that no pattern matches may use nothing.
    pub(super) fn of(&self, pipeline: &str, catalog: &str) -> Allowed {
        if self.is_empty() {
            return Allowed::everything(catalog);
        }
        let matching = self.0.iter().filter(|(one, _)| one.matches(pipeline));
        let found = matching
            .rev()
            .max_by_key(|(one, _)| (one.is_exact(), one.as_str().len()));
        let (list, key) = match found {
            Some((pattern, list)) if pattern.is_exact() => (list.clone(), pattern.to_string()),
            Some((pattern, list)) => (list.clone(), format!("\"{pattern}\"")),
            None => (AllowList::nothing(), pipeline.to_owned()),
        };

        Allowed {
            list,
            setting: format!("pipelines.allowed.{key}"),
            catalog: catalog.to_lowercase(),
        }
    }
}

impl AllowList {
    fn nothing() -> Self {
        Self {
            connections: Some(BTreeSet::new()),
            schemas: Some(BTreeSet::new()),
            reads: BTreeSet::new(),
            env: Some(BTreeSet::new()),
        }
    }
}

impl Allowed {
    #[must_use]
    pub fn everything(catalog: &str) -> Self {
        Self {
            list: AllowList::default(),
            setting: String::new(),
            catalog: catalog.to_lowercase(),
        }
    }

    #[must_use]
    pub fn connection(&self, name: &str) -> bool {
        has(self.list.connections.as_ref(), name)
    }

    #[must_use]
    pub fn variable(&self, name: &str) -> bool {
        has(self.list.env.as_ref(), name)
    }

    /// Whether it may write to a schema of the catalog of all tables.
    #[must_use]
    pub fn writes(&self, schema: &str) -> bool {
        let schemas = self.list.schemas.as_ref();

        schemas.is_none_or(|schemas| has_folded(schemas, schema))
    }

    /// Whether its SQL may read a schema.
    #[must_use]
    pub fn reads(&self, catalog: &str, schema: &str) -> bool {
        let Self { list, .. } = self;
        let is_own = catalog.to_lowercase() == self.catalog;

        !self.limits_schemas()
            || is_own && (self.writes(schema) || has_folded(&list.reads, schema))
            || has_folded(&list.reads, &format!("{catalog}.{schema}"))
    }

    /// Whether there is a schema that it may not read.
    #[must_use]
    pub fn limits_schemas(&self) -> bool {
        self.list.schemas.is_some()
    }

    /// The setting that would allow more of a kind, such as `pipelines.allowed.shop.connections`.
    #[must_use]
    pub fn setting(&self, kind: &str) -> String {
        format!("{}.{kind}", self.setting)
    }
}

fn has(allowed: Option<&BTreeSet<String>>, name: &str) -> bool {
    allowed.is_none_or(|allowed| allowed.contains(name))
}

/// Trino reads names in lower case.
fn has_folded(names: &BTreeSet<String>, name: &str) -> bool {
    let name = name.to_lowercase();

    names.iter().any(|one| one.to_lowercase() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(pipeline: &str) -> Allowed {
        let lists: AllowLists = serde_json::from_value(serde_json::json!({
            "crm_*": {"connections": ["crm"], "env": []},
            "crm_eu_*": {"connections": ["eu"]},
            "crm_eu_x": {"schemas": ["Eu_Marts"], "reads": ["ref", "hive.public"]},
        }))
        .expect("lists");

        lists.of(pipeline, "lake")
    }

    #[test]
    fn the_exact_name_wins_and_then_the_longest_pattern() {
        assert!(allowed("crm_us").connection("crm") && !allowed("crm_us").variable("REGION"));
        assert!(allowed("crm_eu_y").connection("eu") && !allowed("crm_eu_y").connection("crm"));
        assert!(allowed("crm_eu_y").variable("REGION"));
        assert!(allowed("crm_eu_x").connection("anything"));
        assert_eq!(
            allowed("crm_us").setting("env"),
            "pipelines.allowed.\"crm_*\".env"
        );
    }

    #[test]
    fn a_name_without_an_entry_may_use_nothing_once_there_are_entries() {
        let nothing = allowed("shop");
        assert!(!nothing.connection("crm") && !nothing.variable("X") && !nothing.writes("marts"));
        assert!(!nothing.reads("lake", "marts"));
        assert_eq!(nothing.setting("schemas"), "pipelines.allowed.shop.schemas");
        let everything = AllowLists::default().of("shop", "lake");
        assert!(everything.connection("crm") && everything.reads("hive", "x"));
    }

    #[test]
    fn what_is_written_may_be_read_and_other_catalogs_are_named() {
        let one = allowed("crm_eu_x");
        assert!(one.writes("eu_marts") && !one.writes("ref"));
        assert!(one.reads("lake", "eu_marts") && one.reads("Lake", "REF"));
        assert!(one.reads("hive", "public") && !one.reads("hive", "ref"));
        assert!(!one.reads("lake", "information_schema"));
    }
}
