//! The tables that tests may compare with, found by `ref` and `source`.

use std::collections::{BTreeMap, BTreeSet};

use crate::nearest::did_you_mean;
use crate::project::Known;
use crate::relation::Relation;
use crate::sources::SourceKey;

/// The tables that tests may compare with.
pub(crate) struct Relations<'a> {
    pub(crate) known: &'a Known,
    pub(crate) sources: BTreeMap<SourceKey, Relation>,
    pub(crate) models: BTreeMap<String, Relation>,
    /// The models whose contract is enforced.
    pub(crate) enforced: BTreeSet<String>,
}

impl Relations<'_> {
    /// The table of `ref('…')` or `source('…', '…')`.
    pub(crate) fn find(&self, text: &str) -> Result<Relation, String> {
        let wrong = || format!("`{text}` is no `ref('…')` and no `source('…', '…')`");
        let (function, words) = quoted_words(text).ok_or_else(wrong)?;
        let found = match (function, words.as_slice()) {
            ("ref", [name]) => self
                .models
                .get(*name)
                .or_else(|| self.known.tables.get(*name)),
            ("source", [source, table]) => {
                let key = SourceKey {
                    source: (*source).into(),
                    table: (*table).into(),
                };
                self.sources
                    .get(&key)
                    .or_else(|| self.known.sources.get(&key))
            }
            _ => return Err(wrong()),
        };

        found.cloned().ok_or_else(|| {
            let names = self.models.keys().chain(self.known.tables.keys());
            let near = did_you_mean(words[0], names.map(String::as_str));
            format!("a test reads `{text}`, which is no model, table or source{near}")
        })
    }
}

/// What stands in `ref('…')` or `source('…', '…')`.
fn quoted_words(text: &str) -> Option<(&str, Vec<&str>)> {
    let text = text.trim();
    let text = text
        .strip_prefix("{{")
        .and_then(|text| text.strip_suffix("}}"))
        .unwrap_or(text)
        .trim();
    let (function, rest) = text.split_once('(')?;
    let inside = rest.trim_end().strip_suffix(')')?;
    let words: Option<Vec<&str>> = inside
        .split(',')
        .map(|word| {
            let word = word.trim();
            let quote = word.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
            word.strip_prefix(quote)?.strip_suffix(quote)
        })
        .collect();

    Some((function.trim(), words?))
}
