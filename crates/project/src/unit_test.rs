//! Unit tests in dbt's YAML: a model over given rows, and the rows that it should have.

use std::collections::{BTreeMap, BTreeSet};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::fault::{Fault, Said};
use crate::files::File;
use crate::names::test_name_fault;
use crate::nearest::did_you_mean;
use crate::project::Model;
use crate::properties::Entry;
use crate::query::query_of;
use crate::relation::Relation;
use crate::relations::Relations;
use crate::render::{Overrides, Renderer};
use crate::shape::{Field, Shape};

/// A test of one model over given rows. It touches no table.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitTest {
    pub name: String,
    /// The model's name.
    pub model: String,
    /// The file that declares it.
    pub file: String,
    /// The model's SQL with the test's variables, macros and environment. Nothing without `overrides`: then it is that of the model.
    pub sql: Option<String>,
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

/// A test of one model over given rows. It touches no table.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UnitTest")]
pub(crate) struct UnitTestYaml {
    /// The name of the test.
    name: String,
    /// The model's name.
    model: String,
    /// The rows of each input.
    #[serde(default)]
    given: Vec<GivenYaml>,
    /// The rows that the model should have.
    expect: RowsYaml,
    /// The macros, variables and settings that the test replaces while the model is rendered.
    #[serde(default)]
    overrides: Option<Overrides>,
    /// Has no effect.
    // What dbt shows in its documents.
    #[serde(default, rename = "description")]
    _description: Option<String>,
    /// `enabled: false` leaves the test out.
    #[serde(default)]
    config: ConfigYaml,
}

/// Other keys of `config` are what dbt shows in its documents.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "UnitTestConfig")]
struct ConfigYaml {
    /// Whether the test runs.
    enabled: bool,
}

impl Default for ConfigYaml {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// The rows of one input.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Given")]
struct GivenYaml {
    /// The input, as the model reads it.
    #[schemars(example = &"ref('orders')")]
    input: String,
    /// The rows: a list of columns and values, or a text of the format.
    #[serde(default)]
    #[schemars(schema_with = "schema_of_rows")]
    rows: Value,
    /// The format of the rows.
    #[serde(default)]
    format: Format,
    /// The name of a file in `tests/fixtures/` with the rows.
    #[serde(default)]
    fixture: Option<String>,
}

/// The rows that a model should have.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Expected")]
struct RowsYaml {
    /// The rows: a list of columns and values, or a text of the format.
    #[serde(default)]
    #[schemars(schema_with = "schema_of_rows")]
    rows: Value,
    /// The format of the rows.
    #[serde(default)]
    format: Format,
    /// The name of a file in `tests/fixtures/` with the rows.
    #[serde(default)]
    fixture: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// A list of columns and values.
    #[default]
    Dict,
    /// A text of lines; the first one names the columns.
    Csv,
    /// A `select`.
    Sql,
}

fn schema_of_rows(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            {"type": "array", "items": {"type": "object"}},
            {"type": ["string", "null"]},
        ],
    })
}

const UNIT_TEST: Shape = Shape::Fields(&[
    Field::needed("name", Shape::Name),
    Field::needed("model", Shape::Name),
    Field::new("given", Shape::List(&GIVEN)),
    Field::needed("expect", EXPECT),
    Field::new("overrides", OVERRIDES),
    Field::new("description", Shape::Text),
    Field::new("config", CONFIG),
]);
const GIVEN: Shape = Shape::Fields(&[
    Field::needed("input", Shape::Name),
    Field::new("rows", Shape::Any),
    Field::new("format", FORMAT),
    Field::new("fixture", Shape::Name),
]);
const EXPECT: Shape = Shape::Fields(&[
    Field::new("rows", Shape::Any),
    Field::new("format", FORMAT),
    Field::new("fixture", Shape::Name),
]);
const FORMAT: Shape = Shape::Word(&["dict", "csv", "sql"]);
const OVERRIDES: Shape = Shape::Fields(&[
    Field::new("vars", Shape::Map),
    Field::new("macros", Shape::Map),
    Field::new("env_vars", Shape::Map),
]);
const CONFIG: Shape = Shape::SomeFields(&[Field::new("enabled", Shape::Truth)]);

/// What unit tests are read with.
pub(crate) struct Project<'a> {
    pub(crate) relations: &'a Relations<'a>,
    pub(crate) models: &'a [Model],
    pub(crate) renderer: &'a Renderer,
    /// The files of `tests/fixtures/`.
    pub(crate) fixtures: &'a [File],
}

/// Reads the entries of `unit_tests`.
pub(crate) fn read(entries: &[Entry], project: &Project<'_>, said: &mut Said) -> Vec<UnitTest> {
    let mut names = BTreeSet::new();
    let mut tests = Vec::new();
    for entry in entries {
        let file = &entry.file;
        let Some(yaml) =
            entry
                .clone()
                .read::<UnitTestYaml>("unit test", &UNIT_TEST, &mut said.faults)
        else {
            continue;
        };
        if !yaml.config.enabled {
            continue;
        }
        let subject = entry.subject("unit test");
        let read = UnitTest::read(file, yaml, project, said).and_then(|test| {
            let is_new = names.insert(test.name.clone());
            is_new
                .then_some(test)
                .ok_or_else(|| "there are two of this name; rename one of them".to_owned())
        });
        match read {
            Ok(test) => tests.push(test),
            Err(message) => {
                said.fault(Fault::new(file, format!("{subject}: {message}")));
            }
        }
    }

    tests
}

impl UnitTest {
    /// Reads an entry of `unit_tests`.
    ///
    /// # Errors
    ///
    /// A sentence about what is wrong.
    fn read(
        file: &str,
        yaml: UnitTestYaml,
        project: &Project<'_>,
        said: &mut Said,
    ) -> Result<Self, String> {
        let models = &project.relations.models;
        if !models.contains_key(&yaml.model) {
            let near = did_you_mean(&yaml.model, models.keys().map(String::as_str));
            return Err(format!("`{}` is no model{near}", yaml.model));
        }
        if let Some(fault) = test_name_fault(&yaml.name) {
            return Err(fault);
        }
        let mut given = Vec::new();
        for input in yaml.given {
            if input.input.trim() == "this" {
                let message = format!(
                    "unit test `{}`: the input `this` has no effect: a model does not read its own rows",
                    yaml.name
                );
                said.warning(Fault::new(file, message));
                continue;
            }
            let relation = project.relations.find(&input.input)?;
            let rows = project
                .rows(input.rows, input.format, input.fixture)
                .map_err(|fault| format!("`{}`: {fault}", input.input))?;
            given.push(Given {
                input: input.input,
                relation,
                rows,
            });
        }
        let expect = yaml.expect;
        let expected = project
            .rows(expect.rows, expect.format, expect.fixture)
            .map_err(|fault| format!("`expect`: {fault}"))?;
        let sql = match yaml.overrides {
            Some(overrides) => project.overridden(&yaml.model, overrides)?,
            None => None,
        };

        Ok(Self {
            name: yaml.name,
            model: yaml.model,
            file: file.to_owned(),
            sql,
            given,
            expected,
        })
    }
}

impl Project<'_> {
    /// The SQL of a model, rendered with what a test overrides. Nothing, if there is no such model.
    fn overridden(&self, model: &str, overrides: Overrides) -> Result<Option<String>, String> {
        let Some(model) = self.models.iter().find(|other| other.name == model) else {
            return Ok(None);
        };
        if overrides.is_incremental() {
            return Err("`is_incremental` is always false; remove it from `overrides`".into());
        }
        for name in overrides.macro_names() {
            if let Some(fault) = self.renderer.unknown_macro(name) {
                return Err(format!("`overrides.macros`: {fault}"));
            }
        }
        let file = File {
            place: model.file.clone(),
            name: model.name.clone(),
            text: model.source.clone(),
        };
        let rendered = self.renderer.with(overrides).render(&file);

        query_of("model", &file, &rendered)
            .map(Some)
            .map_err(|fault| format!("with its `overrides`, {fault}"))
    }

    fn rows(&self, given: Value, format: Format, fixture: Option<String>) -> Result<Rows, String> {
        let Some(fixture) = fixture else {
            return rows(given, format);
        };
        let ending = match format {
            Format::Csv => "csv",
            Format::Sql => "sql",
            Format::Dict => {
                return Err(format!(
                    "the fixture `{fixture}` is a file; write `format: csv` or `format: sql`"
                ));
            }
        };
        if !given.is_null() {
            return Err("it has `rows` and `fixture`; keep one of the two".into());
        }
        let is_it = |file: &&File| file.name == fixture && file.ending() == ending;
        let file = self.fixtures.iter().find(is_it).ok_or_else(|| {
            let names = self.fixtures.iter().map(|file| file.name.as_str());
            format!(
                "there is no file `tests/fixtures/{fixture}.{ending}`{}",
                did_you_mean(&fixture, names)
            )
        })?;

        rows(Value::String(file.text.clone()), format)
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
