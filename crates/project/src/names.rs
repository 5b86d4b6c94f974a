//! Whether names of models and tests, and the tables of models, are right and their own.

use std::collections::{BTreeMap, BTreeSet};

use crate::fault::{Fault, Said};
use crate::files::File;
use crate::project::Known;
use crate::relation::Relation;
use crate::render::GENERIC_TEST;
use crate::shape::is_name;
use crate::sources::SourceKey;

/// The files whose model has a right name of its own.
pub(crate) fn models(files: Vec<File>, known: &Known, said: &mut Said) -> Vec<File> {
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    let is_right = |file: &File| {
        let name = &file.name;
        let fault = if file.place.ends_with("py") {
            Some("models in Python are not supported; write the model in SQL".into())
        } else if let Some(other) = places.get(name) {
            Some(format!(
                "model `{name}` is in `{other}`, too; rename one of the two files"
            ))
        } else if known.tables.contains_key(name) {
            Some(format!(
                "`{name}` is a table of the pipeline; give the model another name"
            ))
        } else {
            of_table(name)
        };
        if let Some(fault) = fault {
            said.fault(Fault::new(&file.place, fault));
            return false;
        }
        places.insert(name.clone(), file.place.clone());

        true
    };

    files.into_iter().filter(is_right).collect()
}

/// The files whose test has a right name, which no other test and no model has.
pub(crate) fn tests(files: Vec<File>, models: &[File], said: &mut Said) -> Vec<File> {
    let models = models.iter().map(|file| (&file.name, &file.place));
    let mut places: BTreeMap<String, String> = models
        .map(|(name, place)| (name.clone(), place.clone()))
        .collect();
    let is_right = |file: &File| {
        let fault = if file.place.starts_with("tests/generic/") {
            Some(GENERIC_TEST.into())
        } else if let Some(other) = places.get(&file.name) {
            Some(format!(
                "the name of test `{}` is that of `{other}`, too; rename one of the two files",
                file.name
            ))
        } else {
            of_table(&file.name)
        };
        if let Some(fault) = fault {
            said.fault(Fault::new(&file.place, fault));
            return false;
        }
        places.insert(file.name.clone(), file.place.clone());

        true
    };

    files.into_iter().filter(is_right).collect()
}

/// The fault of a name that Icefront cannot use for a table; `None` for a right one.
fn of_table(name: &str) -> Option<String> {
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');

    (!is_plain).then(|| {
        format!("`{name}` becomes the name of a table; use lower-case letters, digits and `_`")
    })
}

/// The fault of a name that Icefront cannot use for a test, which stands in paths of the API and in names of tables.
pub(crate) fn test_name_fault(name: &str) -> Option<String> {
    let is_right = is_name(name)
        && !name.contains(['/', '\\'])
        && !name.trim().chars().all(|letter| letter == '.');

    (!is_right).then(|| {
        format!(
            "`name` is `{name}`; write a name such as `no_negative_amounts`, without `/` and `\\`"
        )
    })
}

/// A model's name and file, with its table.
pub(crate) struct Named<'a> {
    pub(crate) file: &'a File,
    pub(crate) relation: &'a Relation,
}

/// Refuses two models of one table, and a model of a table that the pipeline writes.
pub(crate) fn check_tables<'a>(
    models: impl Iterator<Item = Named<'a>>,
    sources: &BTreeMap<SourceKey, Relation>,
    known: &Known,
    said: &mut Said,
) {
    let of_sources: BTreeSet<String> = sources.values().map(Relation::folded).collect();
    let of_pipeline: BTreeSet<String> = known
        .tables
        .values()
        .chain(known.sources.values())
        .map(Relation::folded)
        .collect();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for Named { file, relation } in models {
        let name = file.name.as_str();
        let table = relation.folded();
        if of_pipeline.contains(&table) {
            let message = format!(
                "model `{name}` writes `{table}`, which is a table of the pipeline; change its `alias`"
            );
            said.fault(Fault::new(&file.place, message));
        }
        let written = ["", "_changes", "__build", "__scopes"];
        let mut written = written.iter().map(|end| format!("{table}{end}"));
        if let Some(source) = written.find(|name| of_sources.contains(name)) {
            let message = format!(
                "model `{name}` writes `{source}`, which is a table of a declared source; change its `alias`"
            );
            said.fault(Fault::new(&file.place, message));
        }
        if let Some(other) = seen.insert(table.clone(), name) {
            let message =
                format!("models `{other}` and `{name}` both write `{table}`; change one `alias`");
            said.fault(Fault::new(&file.place, message));
        }
    }
}
