//! Which models are meant, in the words of dbt: `+orders tag:nightly,path:marts`.

use std::collections::{BTreeMap, BTreeSet};

use crate::nearest::did_you_mean;
use crate::project::{Model, Project};
use crate::sources::SourceKey;

/// What the last run left, for `state:` and `result:`.
#[derive(Clone, Debug, Default)]
pub struct Last {
    /// The models that were never refreshed.
    pub new: BTreeSet<String>,
    /// The models whose SQL or configuration is another than in the last refresh, and new ones.
    pub modified: BTreeSet<String>,
    /// How each model's last refresh ended: `success`, `error`, `skipped`.
    pub results: BTreeMap<String, String>,
}

/// How a refresh can end, in dbt's words.
const RESULTS: [&str; 3] = ["success", "error", "skipped"];

/// More steps than any graph is deep.
const ALL: usize = usize::MAX;

impl Project {
    /// The models and tables that some words name. Blanks unite.
    ///
    /// # Errors
    ///
    /// A sentence about a word that means nothing.
    pub fn named(&self, words: &str, last: &Last) -> Result<BTreeSet<String>, String> {
        let mut all = BTreeSet::new();
        for part in words.split_whitespace() {
            all.extend(self.intersection(part, last)?);
        }

        Ok(all)
    }

    /// Commas intersect.
    fn intersection(&self, text: &str, last: &Last) -> Result<BTreeSet<String>, String> {
        let mut parts = text.split(',').map(|part| self.word(part, last));
        let mut all = parts.next().unwrap_or_else(|| Ok(BTreeSet::new()))?;
        for part in parts {
            let part = part?;
            all.retain(|name| part.contains(name));
        }

        Ok(all)
    }

    /// One word: what it names, with `2+` models before and `+1` behind it, or with `@` all that is needed for what is behind it.
    fn word(&self, word: &str, last: &Last) -> Result<BTreeSet<String>, String> {
        if let Some(word) = word.strip_prefix('@') {
            let named = self.method(word, last)?;
            let behind = self.behind(&named, ALL);
            return Ok(self.before(&behind, ALL));
        }
        let (before, word) = match word.split_once('+') {
            Some((count, rest))
                if count.is_empty() || count.chars().all(|c| c.is_ascii_digit()) =>
            {
                (Some(steps(count)?), rest)
            }
            _ => (None, word),
        };
        let (behind, word) = match word.rsplit_once('+') {
            Some((rest, count))
                if count.is_empty() || count.chars().all(|c| c.is_ascii_digit()) =>
            {
                (Some(steps(count)?), rest)
            }
            _ => (None, word),
        };
        let named = self.method(word, last)?;
        let mut all = named.clone();
        all.extend(
            before
                .map(|count| self.before(&named, count))
                .unwrap_or_default(),
        );
        all.extend(
            behind
                .map(|count| self.behind(&named, count))
                .unwrap_or_default(),
        );

        Ok(all)
    }

    /// The models that a method names; a table or a source names itself, for what is behind it.
    fn method(&self, word: &str, last: &Last) -> Result<BTreeSet<String>, String> {
        let of = |is_chosen: &dyn Fn(&Model) -> bool| -> BTreeSet<String> {
            self.models
                .iter()
                .filter(|model| is_chosen(model))
                .map(|model| model.name.clone())
                .collect()
        };
        let Some((method, value)) = word.split_once(':') else {
            return self.by_name(word);
        };
        match method {
            "tag" => Ok(of(&|model| {
                model.config.tags.iter().any(|tag| matches(value, tag))
            })),
            "path" => Ok(of(&|model| is_below(&model.file, value))),
            "source" => self.source(value),
            "config.materialized" => Ok(of(&|model| model.config.materialized.as_str() == value)),
            "state" => match value {
                "modified" => Ok(last.modified.clone()),
                "new" => Ok(last.new.clone()),
                _ => Err(format!(
                    "`state:{value}` is not known; write `state:modified` or `state:new`"
                )),
            },
            "result" if !RESULTS.contains(&value) => Err(format!(
                "`result:{value}` is not known; write `result:` with one of {}",
                RESULTS.join(", ")
            )),
            "result" => Ok(of(&|model| {
                last.results
                    .get(&model.name)
                    .is_some_and(|result| result == value)
            })),
            "fqn" => self.by_name(value),
            other => {
                let known = [
                    "tag",
                    "path",
                    "source",
                    "config.materialized",
                    "state",
                    "result",
                    "fqn",
                ];
                Err(format!(
                    "models are not selected by `{other}:`{}",
                    did_you_mean(other, known)
                ))
            }
        }
    }

    /// A source, or one of its tables. It names itself, for what is behind it.
    fn source(&self, value: &str) -> Result<BTreeSet<String>, String> {
        let keys = || self.models.iter().flat_map(|model| &model.sources);
        let is_known = keys()
            .any(|key| key.source == value || format!("{}.{}", key.source, key.table) == value);
        if is_known {
            return Ok(BTreeSet::from([format!("source:{value}")]));
        }
        let near = did_you_mean(value, keys().map(|key| key.source.as_str()));

        Err(format!("no model reads a source `{value}`{near}"))
    }

    fn by_name(&self, name: &str) -> Result<BTreeSet<String>, String> {
        let names = self
            .models
            .iter()
            .flat_map(|model| model.refs.iter().chain([&model.name]))
            .chain(&self.tables);
        let found: BTreeSet<String> = names
            .clone()
            .filter(|known| matches(name, known))
            .cloned()
            .collect();
        if found.is_empty() {
            let near = did_you_mean(name, names.map(String::as_str));
            return Err(format!(
                "`{name}` is no model and no table that a model reads{near}"
            ));
        }

        Ok(found)
    }

    /// Models and tables that these read, so many steps away.
    fn before(&self, from: &BTreeSet<String>, steps: usize) -> BTreeSet<String> {
        let models: BTreeMap<&str, &Model> = self
            .models
            .iter()
            .map(|model| (model.name.as_str(), model))
            .collect();

        walk(from, steps, |name| {
            let Some(model) = models.get(name) else {
                return Vec::new();
            };
            let sources = model.sources.iter().map(source_name);
            model.refs.iter().cloned().chain(sources).collect()
        })
    }

    /// Models that read these, so many steps away.
    fn behind(&self, from: &BTreeSet<String>, steps: usize) -> BTreeSet<String> {
        let mut readers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for model in &self.models {
            // A source is named with its table, and without.
            let sources = model.sources.iter();
            let whole: BTreeSet<String> = sources
                .clone()
                .map(|key| format!("source:{}", key.source))
                .collect();
            let read = model.refs.iter().cloned().chain(whole);
            for name in read.chain(sources.map(source_name)) {
                readers.entry(name).or_default().push(model.name.clone());
            }
        }

        walk(from, steps, |name| {
            readers.get(name).cloned().unwrap_or_default()
        })
    }
}

/// A table of a source as a step of the graph.
fn source_name(key: &SourceKey) -> String {
    format!("source:{}.{}", key.source, key.table)
}

fn walk(
    from: &BTreeSet<String>,
    steps: usize,
    next: impl Fn(&str) -> Vec<String>,
) -> BTreeSet<String> {
    let mut seen = from.clone();
    let mut at: Vec<String> = from.iter().cloned().collect();
    let mut left = steps;
    while !at.is_empty() && left > 0 {
        at = at
            .iter()
            .flat_map(|name| next(name))
            .filter(|name| seen.insert(name.clone()))
            .collect();
        left -= 1;
    }

    seen
}

fn steps(count: &str) -> Result<usize, String> {
    if count.is_empty() {
        return Ok(ALL);
    }

    count
        .parse()
        .map_err(|_| format!("`{count}` is no number of steps"))
}

/// Whether a name is that of a pattern, in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }

    true
}

/// Whether a file is a path, or below it. The path may leave out `models/`.
fn is_below(file: &str, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let path = path.strip_prefix("models/").unwrap_or(path);
    let file = file.strip_prefix("models/").unwrap_or(file);

    path == "models"
        || file == path
        || file
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('/'))
        || matches(path, file)
}
