//! What a caller asks of a run.

use std::collections::{BTreeMap, BTreeSet};

use icefront_project::Last;
use serde::{Deserialize, Serialize};
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, Object, ObjectBuilder, Schema, Type};

use super::whole_number::whole_number;
use crate::error::{Error, Result};
use crate::pipeline::Definition;
use crate::state::{IfRunning, RunOfJob};

const MAX_STEPS: usize = 4;
const MAX_SELECTED: usize = 1_000;
/// In characters.
const MAX_ENTRY_LENGTH: usize = 256;
const MAX_LABELS: usize = 32;
/// In characters, for names and for values.
const MAX_LABEL_LENGTH: usize = 256;
/// In characters, for the name of a run of OpenLineage.
const MAX_RUN_LENGTH: usize = 1_024;

/// What to run. Every field may be left out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = StartRun, example = json!({"steps": ["extract", "staging", "marts", "models"], "labels": {"dag_id": "shop_hourly"}}))]
pub struct Request {
    /// Which parts to run. They run in the order extract, staging, marts, models. All when empty.
    #[schema(max_items = 4)]
    pub steps: Vec<StepKind>,
    /// Only these tables and models, by name or in dbt's words: `orders`, `+daily_revenue`, `tag:nightly`, `orders+`, `result:error+`. A blank unites, a comma intersects. All when empty. Extraction always reads the whole source.
    #[schema(max_items = 1000)]
    pub select: Vec<String>,
    /// Without these models, in the same words.
    #[schema(max_items = 1000)]
    pub exclude: Vec<String>,
    /// Before anything else, makes the tables again from landing by the current definition.
    pub full_refresh: bool,
    /// Fails the run when it has not ended this many seconds after it began. Retries and pauses count. A service that takes the run over starts the time again. `runs.timeout` of the settings when absent.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "whole_number"
    )]
    #[schema(minimum = 1, maximum = 604_800)]
    pub timeout_seconds: Option<u32>,
    /// Fails a step, and with it the run, when the step has not ended after this many seconds. `runs.step_timeout` of the settings when absent.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "whole_number"
    )]
    #[schema(minimum = 1, maximum = 604_800)]
    pub step_timeout_seconds: Option<u32>,
    /// What to do while another run of the pipeline is active.
    #[schema(schema_with = choice::<IfRunning>)]
    pub if_running: IfRunning,
    /// What to do when the key belongs to a run that failed or was cancelled.
    #[schema(schema_with = choice::<OnFailed>)]
    pub on_failed: OnFailed,
    /// The caller's own words. The run carries them.
    #[schema(schema_with = labels)]
    pub labels: BTreeMap<String, String>,
    /// The run of OpenLineage that starts this one, such as a task of Airflow. Lineage servers show the run below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openlineage: Option<OpenLineageParent>,
}

/// A run of OpenLineage, and the run at the top of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenLineageParent {
    /// The run: `namespace/job/run_id`, as Airflow's macro `lineage_parent_id` and `OPENLINEAGE_PARENT_ID` have it.
    #[schema(
        example = "default/shop_hourly.run/019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60",
        pattern = r"^[^\u0000-\u001f\u007f]+/[^\u0000-\u001f\u007f/]+/[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        max_length = 1024
    )]
    pub parent_id: String,
    /// The run at the top, such as the DAG's, in the same form; the run itself when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "default/shop_hourly/019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f61",
        pattern = r"^[^\u0000-\u001f\u007f]+/[^\u0000-\u001f\u007f/]+/[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        max_length = 1024
    )]
    pub root_parent_id: Option<String>,
}

impl OpenLineageParent {
    fn check(&self) -> Result<()> {
        let named = [
            ("parent_id", Some(&self.parent_id)),
            ("root_parent_id", self.root_parent_id.as_ref()),
        ];
        for (field, id) in named {
            let fits = |id: &&String| {
                id.chars().count() <= MAX_RUN_LENGTH && RunOfJob::parse(id).is_some()
            };
            if id.is_some_and(|id| !fits(&id)) {
                return Err(Error::Invalid {
                    field: format!("openlineage.{field}"),
                    detail: format!(
                        "`{field}` must be `namespace/job/run_id` with a UUID as its end, at most {MAX_RUN_LENGTH} characters, as Airflow's macro `lineage_{field}` gives it"
                    ),
                });
            }
        }

        Ok(())
    }
}

/// The tables and models of a run, by their names in the pipeline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    pub tables: BTreeSet<String>,
    pub models: BTreeSet<String>,
}

/// What some words of a selection name.
fn named(
    pipeline: &Definition,
    last: &Last,
    field: &str,
    at: usize,
    words: &str,
) -> Result<Selection> {
    let field = format!("{field}[{at}]");
    let models = &pipeline.models.models;
    let table_of = |name: &str| {
        let log = name.strip_prefix("source:").and_then(|key| {
            let (source, table) = key.split_once('.')?;
            (source == pipeline.name).then_some(table)
        });
        let table = log.unwrap_or_else(|| name.strip_suffix("_history").unwrap_or(name));

        pipeline
            .tables
            .get_key_value(table)
            .map(|(name, _)| name.clone())
    };
    // Signs of dbt's words: anything else is meant as a name.
    let is_name =
        !words.contains(['+', '@', ',', ':', '*']) && !words.contains(char::is_whitespace);
    let names = if !is_name {
        pipeline
            .models
            .named(words, last)
            .map_err(|detail| Error::Invalid { field, detail })?
    } else if table_of(words).is_some() || models.iter().any(|model| model.name == *words) {
        BTreeSet::from([words.to_owned()])
    } else {
        let names = pipeline.tables.keys().map(String::as_str);
        let names = names.chain(models.iter().map(|model| model.name.as_str()));
        let kind = if models.is_empty() {
            "table"
        } else {
            "table or model"
        };
        return Err(Error::not_found(kind, words, names).at_field(field));
    };
    let (models, others): (BTreeSet<String>, BTreeSet<String>) = names
        .into_iter()
        .partition(|name| models.iter().any(|model| model.name == *name));

    Ok(Selection {
        tables: others.iter().filter_map(|name| table_of(name)).collect(),
        models,
    })
}

/// What to do when an idempotency key belongs to a run that failed or was cancelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailed {
    /// Answer the run as it is.
    #[default]
    Return,
    /// Try the run again, from the first step that is not done.
    Rerun,
}

/// A part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Reads the source and lands what is new.
    Extract,
    /// Types the landed events.
    Staging,
    /// Publishes current rows and history.
    Marts,
    /// Refreshes the SQL models.
    Models,
}

impl Request {
    #[must_use]
    pub fn has(&self, step: StepKind) -> bool {
        self.steps.is_empty() || self.steps.contains(&step)
    }

    /// Whether its selection follows from the last refreshes, by `state:` or `result:`.
    #[must_use]
    pub fn asks_for_last(&self) -> bool {
        let mut words = self.select.iter().chain(&self.exclude);

        words.any(|words| words.contains("state:") || words.contains("result:"))
    }

    /// The tables and models that it selects, as the last refreshes left them.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], [`Error::NotFound`] for a word that selects nothing here.
    pub fn selection(&self, pipeline: &Definition, last: &Last) -> Result<Selection> {
        let models = &pipeline.models;
        if self.select.is_empty() && self.exclude.is_empty() {
            return Ok(Selection {
                tables: pipeline.tables.keys().cloned().collect(),
                models: models
                    .models
                    .iter()
                    .map(|model| model.name.clone())
                    .collect(),
            });
        }
        let mut selection = Selection::default();
        if self.select.is_empty() {
            selection.tables = pipeline.tables.keys().cloned().collect();
            selection.models = models
                .models
                .iter()
                .map(|model| model.name.clone())
                .collect();
        }
        for (at, words) in self.select.iter().enumerate() {
            let named = named(pipeline, last, "select", at, words)?;
            selection.tables.extend(named.tables);
            selection.models.extend(named.models);
        }
        for (at, words) in self.exclude.iter().enumerate() {
            let named = named(pipeline, last, "exclude", at, words)?;
            selection.tables.retain(|name| !named.tables.contains(name));
            selection.models.retain(|name| !named.models.contains(name));
        }

        Ok(selection)
    }

    /// Refuses what the pipeline lacks and what is out of bounds.
    pub fn check(&self, pipeline: &Definition) -> Result<()> {
        let invalid = |field: String, detail: String| Err(Error::Invalid { field, detail });
        for (field, length, most) in [
            ("steps", self.steps.len(), MAX_STEPS),
            ("select", self.select.len(), MAX_SELECTED),
            ("exclude", self.exclude.len(), MAX_SELECTED),
        ] {
            if length > most {
                return invalid(
                    field.into(),
                    format!("`{field}` takes at most {most} names, not {length}"),
                );
            }
        }
        for (field, entries) in [("select", &self.select), ("exclude", &self.exclude)] {
            let is_long = |entry: &String| entry.chars().count() > MAX_ENTRY_LENGTH;
            if let Some(at) = entries.iter().position(is_long) {
                return invalid(
                    format!("{field}[{at}]"),
                    format!(
                        "an entry of `{field}` has at most {MAX_ENTRY_LENGTH} characters; write several entries"
                    ),
                );
            }
        }
        self.selection(pipeline, &Last::default())?;
        for (field, seconds) in [
            ("timeout_seconds", self.timeout_seconds),
            ("step_timeout_seconds", self.step_timeout_seconds),
        ] {
            if seconds.is_some_and(|s| s == 0 || s > 604_800) {
                let detail = format!("`{field}` must be between 1 and 604800 (7 days)");
                return invalid(field.into(), detail);
            }
        }
        let misfits = |text: &str| text.chars().count() > MAX_LABEL_LENGTH || text.contains('\0');
        if self.labels.len() > MAX_LABELS
            || self.labels.iter().any(|(k, v)| misfits(k) || misfits(v))
        {
            return invalid(
                "labels".into(),
                format!(
                    "`labels` takes at most {MAX_LABELS} names and values of {MAX_LABEL_LENGTH} characters each, without NUL"
                ),
            );
        }

        self.openlineage
            .as_ref()
            .map_or(Ok(()), OpenLineageParent::check)
    }
}

/// A choice and its default as one schema. With `inline`, utoipa would make of the two a word that must also be an object.
fn choice<T: PartialSchema + Default + Serialize>() -> RefOr<Schema> {
    let mut schema = T::schema();
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        object.default = serde_json::to_value(T::default()).ok();
    }

    schema
}

/// The schema of labels with their bounds. Postgres stores no NUL.
fn labels() -> Object {
    let word = || {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(MAX_LABEL_LENGTH))
            .pattern(Some(r"^[^\u0000]*$"))
    };

    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(
            "The caller's own words, such as the name of a DAG. The run carries them.",
        ))
        .default(Some(serde_json::json!({})))
        .property_names(Some(word().build()))
        .additional_properties(Some(AdditionalProperties::from(word())))
        .max_properties(Some(MAX_LABELS))
        .build()
}
