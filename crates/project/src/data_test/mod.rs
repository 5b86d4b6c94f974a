//! Tests of models: declared ones, with the names and arguments of dbt and of its package `dbt_utils`, and singular ones.

mod arguments;
mod check;
mod severity;
mod singular;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::properties::{ModelProperties, TestOf};
use crate::relation::Relation;

use arguments::Arguments;
pub use check::Check;
pub use severity::{Comparison, Condition, Severity};
pub use singular::SingularTest;
pub(crate) use singular::{Settings as SingularSettings, Tested};

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
}

impl DataTest {
    /// Whether a single failing row of all rows is an error.
    #[must_use]
    pub fn stops_at_any_row(&self) -> bool {
        self.severity.stops_at_any_row() && self.filter.is_none()
    }
}

/// The tests of a model. `find` gives the table of a `ref('…')` or a `source('…', '…')`.
///
/// # Errors
///
/// Sentences about tests that are not known, or lack something.
pub(crate) fn tests_of(
    model: &str,
    properties: &ModelProperties,
    find: &dyn Fn(&str) -> Result<Relation, String>,
) -> Result<Vec<DataTest>, Vec<String>> {
    let of_columns = properties.columns.iter().flat_map(|column| {
        let tests = column.data_tests.iter();
        tests.map(move |test| (Some(column.name.as_str()), test))
    });
    let of_model = properties.data_tests.iter().map(|test| (None, test));
    let mut tests: Vec<DataTest> = Vec::new();
    let mut faults = Vec::new();
    let mut names = BTreeSet::new();
    for (column, test) in of_columns.chain(of_model) {
        match read(model, column, test, find) {
            Ok(None) => {}
            Ok(Some(mut test)) => {
                let plain = test.name.clone();
                let mut number = 1;
                while !names.insert(test.name.clone()) {
                    number += 1;
                    test.name = format!("{plain}_{number}");
                }
                tests.push(test);
            }
            Err(fault) => faults.push(fault),
        }
    }

    if faults.is_empty() {
        Ok(tests)
    } else {
        Err(faults)
    }
}

fn read(
    model: &str,
    column: Option<&str>,
    test: &TestOf,
    find: &dyn Fn(&str) -> Result<Relation, String>,
) -> Result<Option<DataTest>, String> {
    let (name, arguments) = match test {
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
    let mut arguments = Arguments::of(name, arguments)?;
    if arguments.text("enabled")?.as_deref() == Some("false") {
        return Ok(None);
    }
    let check = Check::read(column, &mut arguments, find)?;
    let own_name = arguments.text("name")?;
    let severity = arguments.severity()?;
    let filter = arguments.text("where")?;
    arguments.end()?;
    let short = name.rsplit('.').next().unwrap_or(name);
    let usual = match column {
        Some(column) => format!("{short}_{model}_{column}"),
        None => format!("{short}_{model}"),
    };

    Ok(Some(DataTest {
        name: own_name.unwrap_or(usual),
        column: column.map(str::to_owned),
        check,
        severity,
        filter,
    }))
}
