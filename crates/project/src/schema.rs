//! The JSON Schema of the YAML files beside the models, from the types that read them. Editors complete and check files with it.

use schemars::generate::SchemaSettings;
use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

use crate::properties::{ModelProperties, of_files};
use crate::sources::SourceYaml;
use crate::unit_test::UnitTestYaml;

/// The JSON Schema of `models/**/*.yml`.
#[must_use]
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let list = |description: &str, items: Schema| json!({"type": ["array", "null"], "items": items, "description": description});
    let models = list(
        "Models, with their configuration, columns and tests.",
        generator.subschema_for::<ModelProperties>(),
    );
    let sources = list(
        "Tables that models read, and that no pipeline writes.",
        generator.subschema_for::<SourceYaml>(),
    );
    let unit_tests = list(
        "Tests of models over given rows.",
        generator.subschema_for::<UnitTestYaml>(),
    );
    let mut schema = json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "models/*.yml",
        "description": "What Icefront reads about the SQL models of a pipeline: configuration, columns, tests and sources.",
        "type": "object",
        "properties": {
            "version": {"description": "Has no effect."},
            "models": models,
            "sources": sources,
            "unit_tests": unit_tests,
        },
        "additionalProperties": false,
    });
    of_files(&mut schema);
    schema.insert(
        "$defs".into(),
        Value::Object(generator.take_definitions(true)),
    );

    tidy_schema(schema)
}

/// The schema without what only Rust has: line ends in descriptions, defaults that are no value, and formats of its numbers.
#[must_use]
pub fn tidy_schema(schema: Schema) -> Value {
    let mut schema = schema.to_value();
    tidy(&mut schema);

    schema
}

fn tidy(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(description)) = members.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            if members.get("default").is_some_and(is_nothing) {
                members.shift_remove("default");
            }
            if members.get("format").is_some_and(Value::is_string) {
                members.shift_remove("format");
            }
            members.values_mut().for_each(tidy);
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Whether a default says no more than that the field may be left out.
fn is_nothing(default: &Value) -> bool {
    *default == Value::Null || *default == json!({}) || *default == json!([])
}

/// Adds another name of a property.
pub fn also_called(schema: &mut Schema, name: &str, other: &str) {
    if let Some(properties) = properties(schema)
        && let Some(property) = properties.get(name).cloned()
    {
        properties.insert(other.to_owned(), property);
    }
}

/// Adds what dbt reads and Icefront does not.
pub(crate) fn ignored(schema: &mut Schema, names: impl IntoIterator<Item = &'static str>) {
    if let Some(properties) = properties(schema) {
        for name in names {
            let property = json!({"description": "Of dbt; has no effect.", "deprecated": true});
            properties.entry(name).or_insert(property);
        }
    }
}

fn properties(schema: &mut Schema) -> Option<&mut Map<String, Value>> {
    schema.get_mut("properties")?.as_object_mut()
}
