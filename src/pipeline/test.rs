//! Declared tests of the rows that a batch touches, run before they are published. Names and settings are dbt's.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::scalar::Scalar;

/// A declared test: a word such as `not_null`, or a name with settings such as
/// `{accepted_values: {values: [new, paid], severity: warn}}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Test {
    pub check: Check,
    pub severity: Severity,
    /// The most rows that may fail.
    pub threshold: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    NotNull,
    /// Nulls do not count.
    Unique,
    /// Null is accepted.
    AcceptedValues(Vec<String>),
    /// The value exists in a column of another table; null is accepted.
    Relationships {
        /// A table of the same pipeline.
        to: String,
        /// A column of that table.
        field: String,
    },
    /// A SQL condition; null is accepted.
    Expression(String),
}

/// What a failed test does.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The run fails, and the tables do not change.
    #[default]
    Error,
    /// The failure is only reported.
    Warn,
}

impl Severity {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
        }
    }
}

impl Check {
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotNull => "not_null",
            Self::Unique => "unique",
            Self::AcceptedValues(_) => "accepted_values",
            Self::Relationships { .. } => "relationships",
            Self::Expression(_) => "expression",
        }
    }
}

const KNOWN: &str = "not_null, unique, accepted_values, relationships, expression";

impl TryFrom<Value> for Test {
    type Error = String;

    fn try_from(written: Value) -> Result<Self, String> {
        let (name, mut settings) = match written {
            Value::String(word) => (word, Map::new()),
            Value::Object(test) if test.len() == 1 => {
                let (name, settings) = test.into_iter().next().unwrap_or_default();
                (name.clone(), settings_of(&name, settings)?)
            }
            other => return Err(format!("`{other}` is not a test; use one of {KNOWN}")),
        };
        let severity = match settings.remove("severity") {
            None => Severity::default(),
            Some(word) => serde_json::from_value(word)
                .map_err(|_| "`severity` is `error` or `warn`".to_owned())?,
        };
        let threshold = match settings.remove("threshold") {
            None => 0,
            Some(rows) => rows
                .as_u64()
                .ok_or("`threshold` must be a number of rows")?,
        };
        let mut text = |key: &str| {
            let value = settings
                .remove(key)
                .and_then(|value| value.as_str().map(ToOwned::to_owned));
            value.ok_or_else(|| format!("test `{name}` needs the text `{key}`"))
        };
        let check = match name.as_str() {
            "not_null" => Check::NotNull,
            "unique" => Check::Unique,
            "accepted_values" => Check::AcceptedValues(values(settings.remove("values"))?),
            "relationships" => Check::Relationships {
                to: text("to")?,
                field: text("field")?,
            },
            "expression" => Check::Expression(text("sql")?),
            _ => return Err(format!("there is no test `{name}`; use one of {KNOWN}")),
        };
        match settings.keys().next() {
            None => Ok(Self {
                check,
                severity,
                threshold,
            }),
            Some(unknown) => Err(format!(
                "test `{name}` does not read `{unknown}`; besides its own settings it reads `severity` and `threshold`"
            )),
        }
    }
}

/// `expression: "a > 0"` and `accepted_values: [a, b]` are short forms.
fn settings_of(name: &str, settings: Value) -> Result<Map<String, Value>, String> {
    match (name, settings) {
        (_, Value::Object(settings)) => Ok(settings),
        ("expression", sql @ Value::String(_)) => Ok(Map::from_iter([("sql".to_owned(), sql)])),
        ("accepted_values", values @ Value::Array(_)) => {
            Ok(Map::from_iter([("values".to_owned(), values)]))
        }
        (_, other) => Err(format!(
            "the settings of test `{name}` are `{other}`; write them as names and values"
        )),
    }
}

fn values(written: Option<Value>) -> Result<Vec<String>, String> {
    let Some(Value::Array(values)) = written else {
        return Err("test `accepted_values` needs the list `values`".into());
    };
    let values: Option<Vec<String>> = values
        .into_iter()
        .map(|value| match value {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            _ => None,
        })
        .collect();

    values.filter(|values| !values.is_empty()).ok_or_else(|| {
        "`values` of test `accepted_values` must have at least one text, number or boolean".into()
    })
}

impl JsonSchema for Test {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Test".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let severity = generator.subschema_for::<Severity>();
        let scalar = generator.subschema_for::<Scalar>();
        let settings = |own: Value| {
            let mut properties = own.as_object().cloned().unwrap_or_default();
            let required: Vec<String> = properties.keys().cloned().collect();
            properties.insert("severity".into(), json!(severity));
            let threshold = json!({
                "type": "integer",
                "minimum": 0,
                "description": "The most rows that may fail.",
                "default": 0,
            });
            properties.insert("threshold".into(), threshold);

            json!({
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": false,
            })
        };
        let list = json!({"type": "array", "items": scalar, "minItems": 1});
        let text = |description: &str| json!({"type": "string", "description": description});

        json_schema!({
            "description": "A test: a word, or a name with its settings.",
            "anyOf": [
                {"enum": ["not_null", "unique"]},
                {
                    "type": "object",
                    "properties": {
                        "not_null": settings(json!({})),
                        "unique": settings(json!({})),
                        "accepted_values": {"anyOf": [list, settings(json!({"values": list}))]},
                        "relationships": settings(json!({
                            "to": text("A table of the pipeline."),
                            "field": text("A column of that table."),
                        })),
                        "expression": {"anyOf": [
                            text("A SQL condition; null is accepted."),
                            settings(json!({"sql": text("A SQL condition; null is accepted.")})),
                        ]},
                    },
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": false,
                },
            ],
        })
    }
}

/// A declared test of a table, with its column.
#[derive(Debug, Clone, Copy)]
pub struct TableTest<'a> {
    /// The column's name in the tables; `None` for a test of rows.
    pub column: Option<&'a str>,
    pub test: &'a Test,
}

impl TableTest<'_> {
    /// The name in reports, such as `not_null_order_id` or `expression_2`; `at` is the index among the table's tests.
    #[must_use]
    pub fn name(&self, at: usize) -> String {
        match (&self.test.check, self.column) {
            (Check::Expression(_), _) | (_, None) => {
                format!("{}_{}", self.test.check.as_str(), at + 1)
            }
            (check, Some(column)) => format!("{}_{column}", check.as_str()),
        }
    }
}
