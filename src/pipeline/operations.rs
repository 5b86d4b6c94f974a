//! The operation column of files: whether a row is an insert, an update or a delete.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

/// The column with the operation of a row.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationColumn {
    /// The name of the column.
    pub column: String,
    /// The texts of the column, by their meaning.
    #[serde(default)]
    pub values: Operations,
}

/// The texts of the column, by their meaning.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Operations {
    /// The row is new.
    pub insert: Vec<String>,
    /// The row has changed.
    pub update: Vec<String>,
    /// The row is gone.
    pub delete: Vec<String>,
}

/// Reads `operation:`: a column, or the word `upsert` for rows that are the present state.
pub(super) fn or_upsert<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<OperationColumn>, D::Error> {
    struct Operation;

    impl<'de> Visitor<'de> for Operation {
        type Value = Option<OperationColumn>;

        fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str("`upsert`, or a column such as `{column: op, values: {delete: [D]}}`")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            if text == "upsert" {
                return Ok(None);
            }

            Err(E::custom(format!(
                "`operation` is `{text}`; write `upsert`, or a column such as `{{column: {text}, values: {{delete: [D]}}}}`"
            )))
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            OperationColumn::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }

    deserializer.deserialize_any(Operation)
}

/// The JSON Schema of what [`or_upsert`] reads.
pub(super) fn schema(generator: &mut SchemaGenerator) -> Schema {
    let column = generator.subschema_for::<OperationColumn>();

    json_schema!({
        "anyOf": [
            {"const": "upsert", "description": "Each line is the present state of a row."},
            column,
            {"type": "null"},
        ],
        "default": "upsert",
    })
}

impl OperationColumn {
    /// Refuses texts with two meanings.
    pub(super) fn check(&self) -> Result<(), String> {
        let Operations {
            insert,
            update,
            delete,
        } = &self.values;
        let texts: Vec<_> = insert.iter().chain(update).chain(delete).collect();
        let twice = texts
            .iter()
            .enumerate()
            .find(|(at, text)| texts[..*at].contains(text));
        match twice {
            Some((_, text)) => Err(format!(
                "`source.operation.values` gives `{text}` two meanings"
            )),
            None => Ok(()),
        }
    }
}

impl Operations {
    /// `I`, `U` or `D`. An unknown text stays as it is, and its row becomes a reject.
    #[must_use]
    pub fn meaning<'a>(&self, text: &'a str) -> &'a str {
        let is = |texts: &[String]| texts.iter().any(|known| known == text);
        if is(&self.insert) {
            "I"
        } else if is(&self.update) {
            "U"
        } else if is(&self.delete) {
            "D"
        } else if matches!(text, "I" | "U" | "D" | "T") {
            "?"
        } else {
            text
        }
    }
}

impl Default for Operations {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();

        Self {
            insert: texts(&["I", "c", "insert"]),
            update: texts(&["U", "u", "update"]),
            delete: texts(&["D", "d", "delete"]),
        }
    }
}
