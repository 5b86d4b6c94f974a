//! Declared tests of models, with the names and arguments of dbt and of its package `dbt_utils`.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::nearest::did_you_mean;
use crate::properties::{ModelProperties, TestOf};
use crate::relation::Relation;

/// A declared test.
#[derive(Clone, Debug, PartialEq)]
pub struct DataTest {
    /// Unique in its model: `not_null_by_day_day`.
    pub name: String,
    pub column: Option<String>,
    pub check: Check,
    /// Without it, a failure is only a warning.
    pub is_error: bool,
    /// From how many failing rows on it is an error, and from how many a warning.
    pub error_if: Condition,
    pub warn_if: Condition,
    /// Only these rows are tested: SQL.
    pub filter: Option<String>,
}

/// What a test asks for. Texts are SQL, unless they are said to be names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Check {
    NotNull,
    /// Nulls do not count.
    Unique,
    /// Null is accepted.
    AcceptedValues(Vec<String>),
    /// The value is in a column, by its name, of another table. Null is accepted.
    Relationships {
        to: Relation,
        field: String,
    },
    /// The names of columns.
    UniqueCombination(Vec<String>),
    /// Null is accepted.
    Expression(String),
    AcceptedRange {
        least: Option<String>,
        most: Option<String>,
        is_inclusive: bool,
    },
    /// The latest value of `field` is at most so many parts of a date old.
    Recency {
        field: String,
        part: String,
        interval: i64,
    },
    NotNullProportion {
        least: f64,
        most: f64,
    },
    EqualRowcount {
        to: Relation,
    },
}

/// A comparison with a number of failing rows: `> 10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    pub comparison: Comparison,
    pub rows: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl DataTest {
    /// Whether a single failing row of all rows is an error.
    #[must_use]
    pub fn stops_at_any_row(&self) -> bool {
        self.is_error && self.error_if == Condition::ANY && self.filter.is_none()
    }
}

impl Condition {
    const ANY: Self = Self {
        comparison: Comparison::NotEqual,
        rows: 0,
    };

    #[must_use]
    pub fn holds(self, failures: i64) -> bool {
        match self.comparison {
            Comparison::Equal => failures == self.rows,
            Comparison::NotEqual => failures != self.rows,
            Comparison::Less => failures < self.rows,
            Comparison::AtMost => failures <= self.rows,
            Comparison::More => failures > self.rows,
            Comparison::AtLeast => failures >= self.rows,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let words = [
            ("!=", Comparison::NotEqual),
            ("<>", Comparison::NotEqual),
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            ("==", Comparison::Equal),
            (">", Comparison::More),
            ("<", Comparison::Less),
            ("=", Comparison::Equal),
        ];
        words.iter().find_map(|(word, comparison)| {
            let rows = text.trim().strip_prefix(word)?.trim().parse().ok()?;
            Some(Self {
                comparison: *comparison,
                rows,
            })
        })
    }
}

const KNOWN: [&str; 10] = [
    "not_null",
    "unique",
    "accepted_values",
    "relationships",
    "dbt_utils.unique_combination_of_columns",
    "dbt_utils.expression_is_true",
    "dbt_utils.accepted_range",
    "dbt_utils.recency",
    "dbt_utils.not_null_proportion",
    "dbt_utils.equal_rowcount",
];
/// Settings of a test that dbt has in `config`.
const SETTINGS: [&str; 4] = ["severity", "where", "warn_if", "error_if"];
/// Arguments that name a table by `ref` or `source`.
const REFERENCES: [&str; 2] = ["to", "compare_model"];
const PARTS: [&str; 7] = ["second", "minute", "hour", "day", "week", "month", "year"];

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
    let check = check(column, &mut arguments, find)?;
    let own_name = arguments.text("name")?;
    let severity = arguments.text("severity")?;
    let is_error = match severity.as_deref().map(str::to_lowercase).as_deref() {
        None | Some("error") => true,
        Some("warn") => false,
        Some(other) => {
            return Err(format!(
                "test `{name}`: `severity` is `{other}`; write `error` or `warn`"
            ));
        }
    };
    let error_if = arguments.condition("error_if")?;
    let warn_if = arguments.condition("warn_if")?;
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
        is_error,
        error_if,
        warn_if,
        filter,
    }))
}

fn check(
    column: Option<&str>,
    arguments: &mut Arguments<'_>,
    find: &dyn Fn(&str) -> Result<Relation, String>,
) -> Result<Check, String> {
    let name = arguments.test;
    let needs_column = matches!(
        name,
        "not_null"
            | "unique"
            | "accepted_values"
            | "relationships"
            | "dbt_utils.accepted_range"
            | "dbt_utils.not_null_proportion"
    );
    if needs_column && column.is_none() {
        return Err(format!(
            "test `{name}` is about a column; write it below `columns`"
        ));
    }

    Ok(match name {
        "not_null" => Check::NotNull,
        "unique" => Check::Unique,
        "accepted_values" => {
            // Values are compared as texts.
            arguments.take("quote");
            Check::AcceptedValues(arguments.list("values")?)
        }
        "relationships" => Check::Relationships {
            to: find(&arguments.needed("to")?)?,
            field: arguments.needed("field")?,
        },
        "dbt_utils.unique_combination_of_columns" => {
            arguments.take("quote_columns");
            Check::UniqueCombination(arguments.list("combination_of_columns")?)
        }
        "dbt_utils.expression_is_true" => {
            let expression = arguments.needed("expression")?;
            // dbt writes the column before the expression.
            Check::Expression(match column {
                Some(column) => format!("\"{}\" {expression}", column.replace('"', "\"\"")),
                None => expression,
            })
        }
        "dbt_utils.accepted_range" => {
            let (least, most) = (arguments.text("min_value")?, arguments.text("max_value")?);
            if least.is_none() && most.is_none() {
                return Err(format!("test `{name}` needs `min_value` or `max_value`"));
            }
            Check::AcceptedRange {
                least,
                most,
                is_inclusive: match arguments.text("inclusive")?.as_deref() {
                    None | Some("true") => true,
                    Some("false") => false,
                    Some(other) => {
                        return Err(format!(
                            "test `{name}`: `inclusive` is `{other}`; write `true` or `false`"
                        ));
                    }
                },
            }
        }
        "dbt_utils.recency" => Check::Recency {
            field: match column {
                Some(column) => arguments
                    .text("field")?
                    .unwrap_or_else(|| column.to_owned()),
                None => arguments.needed("field")?,
            },
            part: arguments.part("datepart")?,
            interval: arguments.number("interval")?,
        },
        "dbt_utils.not_null_proportion" => Check::NotNullProportion {
            least: arguments.share("at_least", 0.0)?,
            most: arguments.share("at_most", 1.0)?,
        },
        "dbt_utils.equal_rowcount" => Check::EqualRowcount {
            to: find(&arguments.needed("compare_model")?)?,
        },
        other => {
            return Err(format!(
                "there is no test `{other}`{}; write it as a model, or use one of {}",
                did_you_mean(other, KNOWN),
                KNOWN.join(", ")
            ));
        }
    })
}

/// The arguments of a test, each taken once.
struct Arguments<'a> {
    test: &'a str,
    left: Map<String, Value>,
}

impl<'a> Arguments<'a> {
    /// `arguments` and `config` are only other places of the same.
    fn of(test: &'a str, mut given: Map<String, Value>) -> Result<Self, String> {
        let mut left = Map::new();
        for place in ["arguments", "config"] {
            match given.remove(place) {
                None | Some(Value::Null) => {}
                Some(Value::Object(more)) => left.extend(more),
                Some(_) => {
                    return Err(format!(
                        "test `{test}`: `{place}` is no map; write names and values below it"
                    ));
                }
            }
        }
        left.extend(given);
        // What dbt shows in its documents.
        for name in ["description", "tags", "meta"] {
            left.remove(name);
        }

        Ok(Self { test, left })
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// A text; numbers and booleans as texts.
    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.contains("{{") && !REFERENCES.contains(&name) => {
                Err(format!(
                    "test `{}`: `{name}` has Jinja, which is only rendered in models; write the SQL",
                    self.test
                ))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(value.to_string())),
            Some(_) => Err(format!("test `{}`: `{name}` is no text", self.test)),
        }
    }

    fn needed(&mut self, name: &str) -> Result<String, String> {
        self.text(name)?
            .ok_or_else(|| format!("test `{}` needs `{name}`", self.test))
    }

    fn list(&mut self, name: &str) -> Result<Vec<String>, String> {
        let Some(Value::Array(items)) = self.take(name) else {
            return Err(format!("test `{}` needs the list `{name}`", self.test));
        };
        let items: Option<Vec<String>> = items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Some(text),
                Value::Number(_) | Value::Bool(_) => Some(item.to_string()),
                _ => None,
            })
            .collect();

        items
            .filter(|items| !items.is_empty())
            .ok_or_else(|| format!("test `{}`: `{name}` is no list of values", self.test))
    }

    fn number(&mut self, name: &str) -> Result<i64, String> {
        let text = self.needed(name)?;

        text.parse()
            .ok()
            .filter(|number| *number >= 0)
            .ok_or_else(|| format!("test `{}`: `{name}` is no whole number", self.test))
    }

    fn share(&mut self, name: &str, usual: f64) -> Result<f64, String> {
        match self.text(name)? {
            None => Ok(usual),
            Some(text) => text
                .parse()
                .ok()
                .filter(|share| (0.0..=1.0).contains(share))
                .ok_or_else(|| format!("test `{}`: `{name}` is no number from 0 to 1", self.test)),
        }
    }

    fn part(&mut self, name: &str) -> Result<String, String> {
        let part = self.needed(name)?.to_lowercase();
        if PARTS.contains(&part.as_str()) {
            return Ok(part);
        }

        Err(format!(
            "test `{}`: `{name}` is `{part}`; write one of {}",
            self.test,
            PARTS.join(", ")
        ))
    }

    fn condition(&mut self, name: &str) -> Result<Condition, String> {
        let Some(text) = self.text(name)? else {
            return Ok(Condition::ANY);
        };

        Condition::parse(&text).ok_or_else(|| {
            format!(
                "test `{}`: `{name}` is `{text}`; write a comparison such as `> 10`",
                self.test
            )
        })
    }

    fn end(self) -> Result<(), String> {
        if self.left.contains_key("store_failures") {
            return Err(format!(
                "test `{}`: `store_failures` is not supported; select the failing rows by the test's condition",
                self.test
            ));
        }
        match self.left.keys().next() {
            None => Ok(()),
            Some(unknown) => Err(format!(
                "test `{}` does not read `{unknown}`{}",
                self.test,
                did_you_mean(unknown, SETTINGS)
            )),
        }
    }
}

/// What stands in `ref('…')` or `source('…', '…')`.
pub(crate) fn quoted_words(text: &str) -> Option<(&str, Vec<&str>)> {
    let text = text.trim();
    let text = text
        .strip_prefix("{{")
        .and_then(|text| text.strip_suffix("}}"))
        .unwrap_or(text)
        .trim();
    let (function, rest) = text.split_once('(')?;
    let inside = rest.trim_end().strip_suffix(')')?;
    let words: Option<Vec<&str>> = inside
        .split(',')
        .map(|word| {
            let word = word.trim();
            let quote = word.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
            word.strip_prefix(quote)?.strip_suffix(quote)
        })
        .collect();

    Some((function.trim(), words?))
}
