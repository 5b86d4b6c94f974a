//! The arguments and the settings of a test, read one by one.

use serde_json::{Map, Value};

use super::severity::{Condition, Severity};
use crate::names::test_name_fault;
use crate::nearest::did_you_mean;
use crate::query::expression_fault;

/// Settings of a test that dbt has in `config`.
const SETTINGS: [&str; 7] = [
    "severity",
    "where",
    "warn_if",
    "error_if",
    "store_failures",
    "store_failures_as",
    "enabled",
];
/// Settings of dbt that have no effect here.
const IGNORED: [&str; 5] = ["limit", "schema", "database", "alias", "group"];
/// Arguments that name a table by `ref` or `source`.
const REFERENCES: [&str; 2] = ["to", "compare_model"];
const PARTS: [&str; 8] = [
    "second", "minute", "hour", "day", "week", "month", "quarter", "year",
];

/// The arguments of a test, each taken once.
pub(super) struct Arguments<'a> {
    pub(super) test: &'a str,
    /// How a message begins: with the test's name, or with `data_tests` of a folder.
    subject: String,
    left: Map<String, Value>,
}

impl<'a> Arguments<'a> {
    /// `arguments` and `config` are only other places of the same.
    pub(super) fn of(test: &'a str, mut given: Map<String, Value>) -> Result<Self, String> {
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

        Ok(Self {
            test,
            subject: format!("test `{test}`"),
            left,
        })
    }

    /// Settings of all tests of a folder.
    pub(super) fn of_folder(settings: Map<String, Value>) -> Result<Self, String> {
        Ok(Self {
            subject: "`data_tests`".into(),
            ..Self::of("", settings)?
        })
    }

    /// With the settings of its folder where it has none of its own.
    pub(super) fn or(mut self, settings: &Map<String, Value>) -> Self {
        let of_folder = settings
            .iter()
            .filter(|(name, _)| SETTINGS.contains(&name.as_str()));
        for (name, value) in of_folder {
            self.left.entry(name).or_insert_with(|| value.clone());
        }

        self
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// A text; numbers and booleans as texts.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.contains("{{") && !REFERENCES.contains(&name) => {
                Err(format!(
                    "{}: `{name}` has Jinja, which is only rendered in models; write the SQL",
                    self.subject
                ))
            }
            Some(Value::String(text)) => match expression_fault(&text) {
                Some(fault) => Err(format!("{}: `{name}` {fault}", self.subject)),
                None => Ok(Some(text)),
            },
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(value.to_string())),
            Some(_) => Err(format!(
                "{}: `{name}` is a list or a map; write a text",
                self.subject
            )),
        }
    }

    /// The name that a test gives itself.
    pub(super) fn given_name(&mut self) -> Result<Option<String>, String> {
        let Some(name) = self.take("name") else {
            return Ok(None);
        };
        let name = name
            .as_str()
            .map_or_else(|| name.to_string(), str::to_owned);

        match test_name_fault(&name) {
            Some(fault) => Err(format!("{}: {fault}", self.subject)),
            None => Ok(Some(name)),
        }
    }

    pub(super) fn needed(&mut self, name: &str) -> Result<String, String> {
        self.text(name)?
            .ok_or_else(|| format!("{} needs `{name}`", self.subject))
    }

    pub(super) fn list(&mut self, name: &str) -> Result<Vec<String>, String> {
        let Some(Value::Array(items)) = self.take(name) else {
            return Err(format!("{} needs the list `{name}`", self.subject));
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
            .ok_or_else(|| format!("{}: `{name}` is no list of values", self.subject))
    }

    /// A list of columns or of SQL.
    pub(super) fn columns(&mut self, name: &str) -> Result<Vec<String>, String> {
        let columns = self.list(name)?;
        match columns.iter().find_map(|column| expression_fault(column)) {
            Some(fault) => Err(format!("{}: one of `{name}` {fault}", self.subject)),
            None => Ok(columns),
        }
    }

    /// The same; a single column alone, too. Without it there are none.
    pub(super) fn optional_columns(&mut self, name: &str) -> Result<Vec<String>, String> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) if items.is_empty() => Ok(Vec::new()),
            Some(given) => {
                let items = match given {
                    Value::String(_) => Value::Array(vec![given]),
                    other => other,
                };
                self.left.insert(name.to_owned(), items);
                self.columns(name)
            }
        }
    }

    pub(super) fn is(&mut self, name: &str, usual: bool) -> Result<bool, String> {
        match self.text(name)?.as_deref() {
            None => Ok(usual),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(format!(
                "{}: `{name}` is `{other}`; write `true` or `false`",
                self.subject
            )),
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Result<i64, String> {
        let text = self.needed(name)?;

        text.parse()
            .ok()
            .filter(|number| *number >= 0)
            .ok_or_else(|| format!("{}: `{name}` is no whole number", self.subject))
    }

    pub(super) fn share(&mut self, name: &str, usual: f64) -> Result<f64, String> {
        match self.text(name)? {
            None => Ok(usual),
            Some(text) => text
                .parse()
                .ok()
                .filter(|share| (0.0..=1.0).contains(share))
                .ok_or_else(|| format!("{}: `{name}` is no number from 0 to 1", self.subject)),
        }
    }

    pub(super) fn part(&mut self, name: &str) -> Result<String, String> {
        self.optional_part(name)?
            .ok_or_else(|| format!("{} needs `{name}`", self.subject))
    }

    pub(super) fn optional_part(&mut self, name: &str) -> Result<Option<String>, String> {
        let Some(part) = self.text(name)?.map(|part| part.to_lowercase()) else {
            return Ok(None);
        };
        if PARTS.contains(&part.as_str()) {
            return Ok(Some(part));
        }

        Err(format!(
            "{}: `{name}` is `{part}`; write one of {}",
            self.subject,
            PARTS.join(", ")
        ))
    }

    pub(super) fn severity(&mut self) -> Result<Severity, String> {
        let severity = self.text("severity")?.map(|text| text.to_lowercase());
        let is_error = match severity.as_deref() {
            None | Some("error") => true,
            Some("warn") => false,
            Some(other) => {
                return Err(format!(
                    "{}: `severity` is `{other}`; write `error` or `warn`",
                    self.subject
                ));
            }
        };

        Ok(Severity {
            is_error,
            error_if: self.condition("error_if")?,
            warn_if: self.condition("warn_if")?,
        })
    }

    fn condition(&mut self, name: &str) -> Result<Condition, String> {
        let Some(text) = self.text(name)? else {
            return Ok(Condition::ANY);
        };

        Condition::parse(&text).ok_or_else(|| {
            format!(
                "{}: `{name}` is `{text}`; write a comparison such as `> 10`",
                self.subject
            )
        })
    }

    pub(super) fn store_failures(&mut self) -> Result<bool, String> {
        let is_stored = self.is("store_failures", false)?;
        match self.text("store_failures_as")?.as_deref() {
            None => Ok(is_stored),
            Some("table") => Ok(true),
            Some("ephemeral") => Ok(false),
            Some(other) => Err(format!(
                "{}: `store_failures_as` is `{other}`; write `table` or `ephemeral`",
                self.subject
            )),
        }
    }

    /// Refuses what was not read. Gives warnings of what has no effect.
    pub(super) fn end(mut self) -> Result<Vec<String>, String> {
        let mut warnings = Vec::new();
        for name in IGNORED {
            if self.left.remove(name).is_some() {
                let why = if name == "limit" {
                    ": all failing rows count"
                } else {
                    ""
                };
                warnings.push(format!("{}: `{name}` has no effect{why}", self.subject));
            }
        }
        if self.left.contains_key("fail_calc") {
            return Err(format!(
                "{}: `fail_calc` is not supported, as failures are rows; use `where`, `warn_if` and `error_if`",
                self.subject
            ));
        }
        match self.left.keys().next() {
            None => Ok(warnings),
            Some(unknown) => Err(format!(
                "{} does not read `{unknown}`{}",
                self.subject,
                did_you_mean(unknown, SETTINGS)
            )),
        }
    }
}
