//! Unit tests in dbt's YAML: a model over given rows, and the rows that it should have.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::fault::{Fault, Said};
use crate::nearest::did_you_mean;
use crate::properties::Placed;
use crate::relation::Relation;
use crate::relations::Relations;

/// A test of one model over given rows. It touches no table.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitTest {
    pub name: String,
    /// The model's name.
    pub model: String,
    /// The file that declares it.
    pub file: String,
    pub given: Vec<Given>,
    pub expected: Rows,
}

/// The rows of one input.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// As it is written: `ref('orders')`.
    pub input: String,
    pub relation: Relation,
    pub rows: Rows,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Rows {
    /// Values by column, as texts; nothing for null.
    Listed(Vec<BTreeMap<String, Option<String>>>),
    /// A query.
    Sql(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitTestYaml {
    name: String,
    model: String,
    #[serde(default)]
    given: Vec<GivenYaml>,
    expect: RowsYaml,
    // What dbt shows in its documents.
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(default, rename = "config")]
    _config: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenYaml {
    input: String,
    #[serde(default)]
    rows: Value,
    #[serde(default)]
    format: Format,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowsYaml {
    #[serde(default)]
    rows: Value,
    #[serde(default)]
    format: Format,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Dict,
    Csv,
    Sql,
}

/// Reads the entries of `unit_tests`.
pub(crate) fn read(
    entries: &[Placed<Value>],
    relations: &Relations<'_>,
    said: &mut Said,
) -> Vec<UnitTest> {
    let mut names = BTreeSet::new();
    let mut checked = |test: UnitTest| {
        if !relations.models.contains_key(&test.model) {
            let near = did_you_mean(&test.model, relations.models.keys().map(String::as_str));
            return Err(format!(
                "unit test `{}` is of `{}`, which is no model{near}",
                test.name, test.model
            ));
        }
        if !names.insert(test.name.clone()) {
            return Err(format!(
                "there are two unit tests `{}`; rename one of them",
                test.name
            ));
        }

        Ok(test)
    };
    let read = |Placed { file, value }: &Placed<Value>| {
        UnitTest::read(file, value.clone(), &|text| relations.find(text))
            .and_then(&mut checked)
            .map_err(|message| said.fault(Fault::new(file, message)))
            .ok()
    };

    entries.iter().filter_map(read).collect()
}

impl UnitTest {
    /// Reads an entry of `unit_tests`. `find` gives the table of a `ref('…')` or a `source('…', '…')`.
    ///
    /// # Errors
    ///
    /// A sentence about what is wrong.
    fn read(
        file: &str,
        entry: Value,
        find: &dyn Fn(&str) -> Result<Relation, String>,
    ) -> Result<Self, String> {
        let name = entry["name"].as_str().unwrap_or("?").to_owned();
        let of = |fault: String| format!("unit test `{name}`: {fault}");
        let yaml: UnitTestYaml = serde_json::from_value(entry)
            .map_err(|fault| of(crate::properties::with_nearest(&fault.to_string())))?;
        let mut given = Vec::new();
        for input in yaml.given {
            let relation = find(&input.input).map_err(of)?;
            let rows = rows(input.rows, input.format)
                .map_err(|fault| of(format!("`{}`: {fault}", input.input)))?;
            given.push(Given {
                input: input.input,
                relation,
                rows,
            });
        }
        let expected = rows(yaml.expect.rows, yaml.expect.format)
            .map_err(|fault| of(format!("`expect`: {fault}")))?;

        Ok(Self {
            name: yaml.name,
            model: yaml.model,
            file: file.to_owned(),
            given,
            expected,
        })
    }
}

fn rows(rows: Value, format: Format) -> Result<Rows, String> {
    match (format, rows) {
        (_, Value::Null) => Ok(Rows::Listed(Vec::new())),
        (Format::Dict, Value::Array(rows)) => rows
            .into_iter()
            .map(|row| match row {
                Value::Object(row) => values(row),
                other => Err(format!("`{other}` is no row; write columns and values")),
            })
            .collect::<Result<_, _>>()
            .map(Rows::Listed),
        (Format::Dict, _) => Err("`rows` is no list; write `- {column: value}`".into()),
        (Format::Csv, Value::String(text)) => csv(&text).map(Rows::Listed),
        (Format::Sql, Value::String(text)) => Ok(Rows::Sql(text)),
        (Format::Csv | Format::Sql, _) => Err("`rows` is no text".into()),
    }
}

fn values(row: Map<String, Value>) -> Result<BTreeMap<String, Option<String>>, String> {
    row.into_iter()
        .map(|(name, value)| {
            let text = match value {
                Value::Null => None,
                Value::String(text) => Some(text),
                Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
                Value::Array(_) | Value::Object(_) => {
                    return Err(format!(
                        "`{name}` has a list or a map; use `format: sql` for such values"
                    ));
                }
            };
            Ok((name.to_lowercase(), text))
        })
        .collect()
}

/// The rows of a CSV text with a header. An empty value is null.
fn csv(text: &str) -> Result<Vec<BTreeMap<String, Option<String>>>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.trim().as_bytes());
    let header = reader.headers().map_err(|fault| fault.to_string())?.clone();

    reader
        .records()
        .map(|record| {
            let record = record.map_err(|fault| fault.to_string())?;
            let cells = header.iter().zip(record.iter());
            Ok(cells
                .map(|(name, value)| {
                    let value = (!value.is_empty()).then(|| value.to_owned());
                    (name.to_lowercase(), value)
                })
                .collect())
        })
        .collect()
}
