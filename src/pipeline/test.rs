//! Declared tests: what must hold for the rows that a batch touches before they are published. The words are dbt's.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Table;
use crate::error::nearest_name;

/// A declared test.
///
/// A word, such as `not_null`, or a name with its settings, such as `{accepted_values: {values: [new, paid], severity: warn}}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Test {
    /// What must hold.
    pub check: Check,
    /// What a failure does.
    pub severity: Severity,
    /// So many rows may fail.
    pub threshold: u64,
}

/// What must hold for rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The column has a value.
    NotNull,
    /// No two rows have the same value; nulls are no values.
    Unique,
    /// The value is one of these, or null.
    AcceptedValues(Vec<String>),
    /// The value is one of another table's column, or null.
    Relationships {
        /// The other table, of the same pipeline.
        to: String,
        /// Its column.
        field: String,
    },
    /// The condition is true; null is no fault.
    Expression(String),
}

/// What a failed test does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It leaves the tables as they were, and fails the run.
    #[default]
    Error,
    /// It is reported.
    Warn,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
        }
    }
}

impl Check {
    /// The word for it.
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
            other => return Err(format!("a test is one of {KNOWN}, not `{other}`")),
        };
        let severity = match settings.remove("severity") {
            None => Severity::default(),
            Some(word) => serde_json::from_value(word)
                .map_err(|_| "`severity` is `error` or `warn`".to_owned())?,
        };
        let threshold = match settings.remove("threshold") {
            None => 0,
            Some(rows) => rows.as_u64().ok_or("`threshold` is a number of rows")?,
        };
        let mut text = |key: &str| {
            let value = settings
                .remove(key)
                .and_then(|value| value.as_str().map(ToOwned::to_owned));
            value.ok_or_else(|| format!("test `{name}` wants `{key}`, a text"))
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
            _ => return Err(format!("there is no test `{name}`; there are {KNOWN}")),
        };
        match settings.keys().next() {
            None => Ok(Self {
                check,
                severity,
                threshold,
            }),
            Some(unknown) => Err(format!(
                "test `{name}` does not read `{unknown}`; beside its own it reads `severity` and `threshold`"
            )),
        }
    }
}

/// `expression: "a > 0"` and `accepted_values: [a, b]` are short for their longer forms.
fn settings_of(name: &str, settings: Value) -> Result<Map<String, Value>, String> {
    match (name, settings) {
        (_, Value::Object(settings)) => Ok(settings),
        ("expression", sql @ Value::String(_)) => Ok(Map::from_iter([("sql".to_owned(), sql)])),
        ("accepted_values", values @ Value::Array(_)) => {
            Ok(Map::from_iter([("values".to_owned(), values)]))
        }
        (_, other) => Err(format!(
            "test `{name}` wants its settings as names and values, not `{other}`"
        )),
    }
}

fn values(written: Option<Value>) -> Result<Vec<String>, String> {
    let Some(Value::Array(values)) = written else {
        return Err("test `accepted_values` wants `values`, a list".into());
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
        "`values` of test `accepted_values` is a list of texts, numbers or truths, at least one"
            .into()
    })
}

/// A declared test of a table, with the column that it is about.
#[derive(Debug, Clone, Copy)]
pub struct TableTest<'a> {
    /// The column's name in the tables; none where the test is about rows.
    pub column: Option<&'a str>,
    /// The test.
    pub test: &'a Test,
}

impl TableTest<'_> {
    /// Its name in reports, such as `not_null_order_id` or `expression_2`; `at` is its place among the table's tests.
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

impl Table {
    /// All declared tests, those of columns first.
    #[must_use]
    pub fn all_tests(&self) -> Vec<TableTest<'_>> {
        let of_columns = self.columns.iter().flat_map(|column| {
            let column_name = column.name.as_str();
            column.tests.iter().map(move |test| TableTest {
                column: Some(column_name),
                test,
            })
        });
        let of_rows = self
            .tests
            .iter()
            .map(|test| TableTest { column: None, test });

        of_columns.chain(of_rows).collect()
    }

    /// The other tables that its tests look at, which are published before it.
    pub fn looks_at(&self) -> impl Iterator<Item = &str> {
        let own = &self.id.name;
        self.all_tests()
            .into_iter()
            .filter_map(move |test| match &test.test.check {
                Check::Relationships { to, .. } if to != own => Some(to.as_str()),
                _ => None,
            })
    }

    /// Refuses tests of nothing, of tables that there are not, and tables whose tests wait for each other.
    pub(super) fn check_tests(&self, tables: &BTreeMap<String, Self>) -> Result<(), String> {
        let name = &self.id.name;
        for test in &self.tests {
            if !matches!(test.check, Check::Expression(_)) {
                return Err(format!(
                    "`tables.{name}.tests` has `{}`, which is about a column; write it below that column",
                    test.check.as_str()
                ));
            }
        }
        for to in self.looks_at() {
            if !tables.contains_key(to) {
                let near = nearest_name(to, tables.keys().map(String::as_str))
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default();
                return Err(format!(
                    "a test of `tables.{name}` looks at `{to}`, which is no table of the pipeline{near}"
                ));
            }
        }
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = self.looks_at().collect();
        while let Some(next) = open.pop() {
            if next == name {
                return Err(format!(
                    "tests of `tables.{name}` look at a table whose tests look at `{name}`; each would wait for the other, so drop one of the `relationships`"
                ));
            }
            if seen.insert(next) {
                open.extend(tables.get(next).into_iter().flat_map(Self::looks_at));
            }
        }

        Ok(())
    }
}
