//! Pipelines that cannot stand beside each other, because they write the same tables.

use std::collections::BTreeSet;

use super::finding::FILE;
use super::{Definition, Finding, Names};
use crate::config::Config;

/// The names of the tables that a pipeline writes. Trino reads every name in lower case.
pub fn written(definition: &Definition, config: &Config) -> impl Iterator<Item = String> + use<> {
    let all = Names::new(definition, config).all();

    all.into_iter().map(|name| name.to_string().to_lowercase())
}

/// Why a pipeline cannot run: two of its tables have one name in Trino.
pub(super) fn twice(tables: impl IntoIterator<Item = String>) -> Option<Finding> {
    let mut own = BTreeSet::new();
    let twice = tables
        .into_iter()
        .find(|name| !own.insert(name.to_owned()))?;
    let message = format!(
        "two of its tables write `{twice}`; rename one of them, or set three different `schemas`"
    );

    Some(Finding::error(FILE, &message))
}

/// A pipeline writes a table that another one writes. `rival` is what the message calls that one.
pub(super) fn shared(table: &str, rival: &str) -> Finding {
    let message = format!(
        "it writes `{table}`, which {rival} writes too; rename one of the tables, or give one pipeline its own `schemas`"
    );

    Finding::error(FILE, &message)
}

/// Two folders define pipelines of one name.
pub(super) fn namesake(name: &str, folder: &str) -> Finding {
    let message = format!(
        "the folder `{folder}` has a pipeline `{name}`, too; give one of them another name"
    );

    Finding::error(FILE, &message)
}
