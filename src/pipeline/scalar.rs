//! A text that YAML may write as a number or a boolean.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// The JSON Schema of a text that YAML may write as a number or a boolean.
pub(super) struct Scalar;

impl JsonSchema for Scalar {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean"]})
    }
}
