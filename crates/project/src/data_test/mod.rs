//! Tests of models: declared ones, with the names and arguments of dbt and of its package `dbt_utils`, and singular ones.

mod arguments;
mod check;
mod query;
mod severity;
mod singular;

use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::config::Written;
use crate::properties::{ModelProperties, TestOf};
use crate::relation::Relation;

use arguments::Arguments;
pub use check::Check;
use check::KNOWN;
pub use query::TESTED_ROWS;
use query::{Asked, Readable};
pub use severity::{Comparison, Condition, Severity};
pub use singular::SingularTest;
pub(crate) use singular::Tested;

/// A declared test.
#[derive(Clone, Debug, PartialEq)]
pub struct DataTest {
    /// Unique in its model: `not_null_by_day_day`.
    pub name: String,
    pub column: Option<String>,
    pub check: Check,
    pub severity: Severity,
    /// Only these rows are tested: SQL.
    pub filter: Option<String>,
    /// Whether its failing rows are kept in a table.
    pub store_failures: bool,
    /// The other table that it reads.
    pub(crate) reads: Option<Relation>,
}

impl DataTest {
    /// Whether a single failing row of all rows is an error.
    #[must_use]
    pub fn stops_at_any_row(&self) -> bool {
        self.severity.stops_at_any_row() && self.filter.is_none()
    }
}

/// The tests of a model, and what is wrong with others.
#[derive(Default)]
pub(crate) struct Declared {
    pub(crate) tests: Vec<DataTest>,
    pub(crate) faults: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// Reads the tests of a model. `settings` are those of its folder. `columns` are those of its contract, if that is enforced; `find` gives the table of a `ref('…')` or a `source('…', '…')`.
pub(crate) fn tests_of(
    model: &str,
    properties: &ModelProperties,
    settings: &Written,
    columns: Option<&[String]>,
    find: &dyn Fn(&str) -> Result<Relation, String>,
) -> Declared {
    let readable = Readable { columns, find };
    let of_columns = properties.columns.iter().flat_map(|column| {
        let tests = column.data_tests.iter();
        tests.map(move |test| (Some(column.name.as_str()), test))
    });
    let of_model = properties.data_tests.iter().map(|test| (None, test));
    let mut declared = Declared::default();
    let mut names = BTreeSet::new();
    for (column, test) in of_columns.chain(of_model) {
        let read = arguments(model, test, settings)
            .and_then(|arguments| DataTest::read(model, column, arguments, &readable));
        match read {
            Ok(None) => {}
            Ok(Some(Read { mut test, warnings })) => {
                let plain = test.name.clone();
                let mut number = 1;
                while !names.insert(test.name.clone()) {
                    number += 1;
                    test.name = format!("{plain}_{number}");
                }
                declared.tests.push(test);
                declared.warnings.extend(warnings);
            }
            Err(fault) => declared.faults.push(fault),
        }
    }

    declared
}

/// The arguments of a test as it is written.
fn arguments<'a>(
    model: &str,
    test: &'a TestOf,
    settings: &Written,
) -> Result<Arguments<'a>, String> {
    let (name, given) = match test {
        TestOf::Name(name) => (name.as_str(), Map::new()),
        TestOf::WithArguments(named) => match named.iter().next() {
            Some((name, Value::Null)) if named.len() == 1 => (name.as_str(), Map::new()),
            Some((name, Value::Object(arguments))) if named.len() == 1 => {
                (name.as_str(), arguments.clone())
            }
            _ => {
                return Err(format!(
                    "a test of `{model}` is no name, and no name with arguments; write `- not_null` or `- accepted_values: {{values: [a, b]}}`"
                ));
            }
        },
    };

    Arguments::of(name, given).map(|arguments| arguments.or(settings))
}

/// A test, and what of it has no effect.
struct Read {
    test: DataTest,
    warnings: Vec<String>,
}

impl DataTest {
    /// Nothing, if it is disabled.
    fn read(
        model: &str,
        column: Option<&str>,
        mut arguments: Arguments<'_>,
        readable: &Readable<'_>,
    ) -> Result<Option<Read>, String> {
        let name = arguments.test;
        if !arguments.is("enabled", true)? {
            return Ok(None);
        }
        let Asked { check, reads } = Check::read(column, &mut arguments, readable)?;
        let short = name.rsplit('.').next().unwrap_or(name);
        let usual = match column {
            Some(column) => format!("{short}_{model}_{column}"),
            None => format!("{short}_{model}"),
        };
        let given = arguments.given_name()?;
        let test = Self {
            name: given.unwrap_or(usual),
            column: column.map(str::to_owned),
            check,
            severity: arguments.severity()?,
            filter: arguments.text("where")?,
            store_failures: arguments.store_failures()?,
            reads,
        };

        Ok(Some(Read {
            test,
            warnings: arguments.end()?,
        }))
    }
}

impl JsonSchema for TestOf {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DataTest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let settings = json!({
            "type": ["object", "null"],
            "description": "The arguments of the test, and its settings.",
            "properties": {
                "name": {"type": "string", "description": "The name of the test in reports."},
                "severity": {
                    "type": "string",
                    "pattern": "^([Ee][Rr][Rr][Oo][Rr]|[Ww][Aa][Rr][Nn])$",
                    "description": "`warn`: a failure is only reported.",
                    "examples": ["error", "warn"],
                    "default": "error",
                },
                "where": {"type": "string", "description": "A SQL condition: only these rows are tested."},
                "error_if": {
                    "type": "string",
                    "description": "From how many failing rows on it is an error.",
                    "examples": ["> 10"],
                },
                "warn_if": {
                    "type": "string",
                    "description": "From how many failing rows on it is a warning.",
                    "examples": ["> 0"],
                },
                "store_failures": {
                    "type": ["boolean", "string"],
                    "description": "Whether the failing rows are kept in a table.",
                    "default": false,
                },
                "enabled": {"type": ["boolean", "string"], "description": "`false` leaves the test out."},
                "arguments": {"type": ["object", "null"], "description": "Another place of the arguments."},
                "config": {"type": ["object", "null"], "description": "Another place of the settings."},
            },
        });
        let named: Map<String, Value> = KNOWN
            .iter()
            .map(|name| ((*name).to_owned(), settings.clone()))
            .collect();

        json_schema!({
            "description": "A test: its name, or its name with its arguments.",
            "anyOf": [
                {"enum": KNOWN},
                {
                    "type": "object",
                    "properties": named,
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": false,
                },
            ],
        })
    }
}

/// Settings of all tests of a folder that are right, for [`Arguments::or`]. Gives warnings of what has no effect.
pub(crate) fn check_settings(settings: &Written) -> Result<Vec<String>, String> {
    let mut arguments = Arguments::of_folder(settings.clone())?;
    arguments.is("enabled", true)?;
    arguments.severity()?;
    arguments.text("where")?;
    arguments.store_failures()?;

    arguments.end()
}
