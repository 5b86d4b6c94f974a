//! The arguments and the settings of a test, read one by one.

use serde_json::{Map, Value};

use super::severity::{Condition, Severity};
use crate::nearest::did_you_mean;

/// Settings of a test that dbt has in `config`.
const SETTINGS: [&str; 4] = ["severity", "where", "warn_if", "error_if"];
/// Arguments that name a table by `ref` or `source`.
const REFERENCES: [&str; 2] = ["to", "compare_model"];
const PARTS: [&str; 7] = ["second", "minute", "hour", "day", "week", "month", "year"];

/// The arguments of a test, each taken once.
pub(super) struct Arguments<'a> {
    pub(super) test: &'a str,
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

        Ok(Self { test, left })
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
                    "test `{}`: `{name}` has Jinja, which is only rendered in models; write the SQL",
                    self.test
                ))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(value.to_string())),
            Some(_) => Err(format!("test `{}`: `{name}` is no text", self.test)),
        }
    }

    pub(super) fn needed(&mut self, name: &str) -> Result<String, String> {
        self.text(name)?
            .ok_or_else(|| format!("test `{}` needs `{name}`", self.test))
    }

    pub(super) fn list(&mut self, name: &str) -> Result<Vec<String>, String> {
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

    pub(super) fn is(&mut self, name: &str, usual: bool) -> Result<bool, String> {
        match self.text(name)?.as_deref() {
            None => Ok(usual),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(format!(
                "test `{}`: `{name}` is `{other}`; write `true` or `false`",
                self.test
            )),
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Result<i64, String> {
        let text = self.needed(name)?;

        text.parse()
            .ok()
            .filter(|number| *number >= 0)
            .ok_or_else(|| format!("test `{}`: `{name}` is no whole number", self.test))
    }

    pub(super) fn share(&mut self, name: &str, usual: f64) -> Result<f64, String> {
        match self.text(name)? {
            None => Ok(usual),
            Some(text) => text
                .parse()
                .ok()
                .filter(|share| (0.0..=1.0).contains(share))
                .ok_or_else(|| format!("test `{}`: `{name}` is no number from 0 to 1", self.test)),
        }
    }

    pub(super) fn part(&mut self, name: &str) -> Result<String, String> {
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

    pub(super) fn severity(&mut self) -> Result<Severity, String> {
        let severity = self.text("severity")?.map(|text| text.to_lowercase());
        let is_error = match severity.as_deref() {
            None | Some("error") => true,
            Some("warn") => false,
            Some(other) => {
                return Err(format!(
                    "test `{}`: `severity` is `{other}`; write `error` or `warn`",
                    self.test
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
                "test `{}`: `{name}` is `{text}`; write a comparison such as `> 10`",
                self.test
            )
        })
    }

    /// Refuses what was not read.
    pub(super) fn end(self) -> Result<(), String> {
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
