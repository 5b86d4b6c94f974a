//! Faults and warnings about keys and values of a configuration that Icefront does not know.

use schemars::Schema;
use serde_json::Value;

use crate::config::{Config, SHAPE, Written};
use crate::nearest::did_you_mean;
use crate::schema::ignored;

/// What a configuration may say.
pub(crate) const NAMES: [&str; 13] = [
    "enabled",
    "materialized",
    "unique_key",
    "refresh",
    "target_lag",
    "tags",
    "alias",
    "schema",
    "description",
    "meta",
    "on_error",
    "properties",
    "contract",
];

/// Configuration of dbt that would change what a model means, with what to do instead.
const REFUSED: [(&str, &str); 12] = [
    (
        "pre_hook",
        "Icefront sends no other statements; write what it prepares as a model",
    ),
    (
        "pre-hook",
        "Icefront sends no other statements; write what it prepares as a model",
    ),
    (
        "post_hook",
        "Icefront sends no other statements; write what it makes as a model",
    ),
    (
        "post-hook",
        "Icefront sends no other statements; write what it makes as a model",
    ),
    (
        "incremental_predicates",
        "remove it: Icefront finds the rows that changed by itself",
    ),
    (
        "merge_update_columns",
        "remove it: a row is always as the query says",
    ),
    (
        "merge_exclude_columns",
        "remove it: a row is always as the query says",
    ),
    (
        "sql_header",
        "put the statement's session properties into `trino.session` of the settings",
    ),
    (
        "database",
        "models are in the catalog of the pipeline; use `schema` and `alias`",
    ),
    (
        "strategy",
        "Icefront keeps the history of each table by itself; read it with `ref('<table>_history')`",
    ),
    (
        "event_time",
        "remove it: Icefront finds the rows that changed by itself",
    ),
    (
        "batch_size",
        "remove it: Icefront finds the rows that changed by itself",
    ),
];

/// Configuration of dbt that has no effect here.
const IGNORED: [&str; 9] = [
    "full_refresh",
    "persist_docs",
    "grants",
    "docs",
    "group",
    "access",
    "quoting",
    "views_enabled",
    "on_configuration_change",
];
/// The same, with what Icefront does instead. A project that dbt runs, too, may need them.
const REPLACED: [(&str, &str); 5] = [
    (
        "incremental_strategy",
        "Icefront finds the rows that changed by itself",
    ),
    (
        "on_schema_change",
        "a model whose columns change is built again",
    ),
    (
        "on_table_exists",
        "Icefront publishes a full refresh by one statement",
    ),
    (
        "view_security",
        "views run with the rights of Icefront's user",
    ),
    (
        "freshness",
        "Icefront refreshes a model when its inputs change; use `target_lag` for a longer time",
    ),
];

/// Adds what has no effect to the JSON Schema of a configuration.
pub(crate) fn without_effect(schema: &mut Schema) {
    let replaced = REPLACED.iter().map(|(name, _)| *name);

    ignored(schema, IGNORED.into_iter().chain(replaced));
}

/// A name in a configuration that needs a word.
pub(crate) enum Remark {
    Refused(String),
    Ignored(String),
}

/// Remarks about names that Icefront does not have.
pub(crate) fn remarks(written: &Written) -> Vec<Remark> {
    written
        .keys()
        .filter(|name| !NAMES.contains(&name.as_str()))
        .map(|name| {
            if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| refused == name) {
                return Remark::Refused(format!("`{name}` is not supported; {instead}"));
            }
            if IGNORED.contains(&name.as_str()) {
                return Remark::Ignored(format!("`{name}` has no effect"));
            }
            if let Some((_, instead)) = REPLACED.iter().find(|(replaced, _)| replaced == name) {
                return Remark::Ignored(format!("`{name}` has no effect: {instead}"));
            }
            Remark::Refused(format!(
                "`{name}` is not known{}",
                did_you_mean(name, NAMES)
            ))
        })
        .chain(of_values(written))
        .chain(of_shapes(written))
        .collect()
}

/// Remarks about values that their names cannot have.
fn of_shapes(written: &Written) -> impl Iterator<Item = Remark> {
    written
        .iter()
        .filter(|(name, value)| NAMES.contains(&name.as_str()) && !value.is_null())
        .filter(|(name, value)| *name != "materialized" || kind_of_dbt(value).is_none())
        .flat_map(|(name, value)| {
            let alone = Written::from_iter([(name.clone(), value.clone())]);
            let read = SHAPE.read::<Config>(Value::Object(alone));

            read.err().into_iter().flatten().map(Remark::Refused)
        })
}

/// Remarks about values that only dbt has.
fn of_values(written: &Written) -> impl Iterator<Item = Remark> {
    let has_jinja = |value: &&Value| value.as_str().is_some_and(|text| text.contains("{{"));
    let jinja = written.values().filter(has_jinja).map(|value| {
        Remark::Refused(format!(
            "{value} has Jinja, which is only rendered in models; write the value"
        ))
    });
    let kind = written.get("materialized").and_then(kind_of_dbt);
    let properties = written.get("properties").and_then(Value::as_object);
    let properties = properties.into_iter().flatten().filter_map(|(name, value)| {
        if name == "location" {
            return Some(Remark::Refused(
                "`properties.location` is not supported: a table that is built again needs a place of its own".into(),
            ));
        }
        (!is_property(value)).then(|| {
            Remark::Refused(format!(
                "`properties.{name}` is `{value}`; write a text, a whole number, a boolean, or a list of these"
            ))
        })
    });

    jinja
        .chain(properties)
        .chain(kind.map(|message| Remark::Refused(message.into())))
}

/// The message about a `materialized` that only dbt has; it names the kind to use instead.
fn kind_of_dbt(value: &Value) -> Option<&'static str> {
    match value.as_str()? {
        "ephemeral" => Some(
            "`materialized: ephemeral` is not supported; use `view`, which is put into its readers",
        ),
        "materialized_view" => {
            Some("`materialized: materialized_view` is not supported; use `incremental`")
        }
        _ => None,
    }
}

fn is_property(value: &Value) -> bool {
    match value {
        Value::String(_) | Value::Bool(_) => true,
        Value::Number(number) => number.is_i64(),
        Value::Array(items) => items.iter().all(is_property),
        Value::Null | Value::Object(_) => false,
    }
}
