//! What a caller asks of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, nearest_name};
use crate::pipeline::Definition;

const MOST_LABELS: usize = 32;
const LONGEST_LABEL: usize = 256;

/// What to run; everything may be left out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"steps": ["extract", "staging", "marts"], "labels": {"dag_id": "shop_hourly"}}))]
pub struct Request {
    /// Which parts to run; they run in the order extract, staging, marts. All when empty.
    #[schema(max_items = 3)]
    pub steps: Vec<StepKind>,
    /// Only these tables, by the names of the pipeline. All when empty. Extraction always reads the whole source.
    #[schema(max_items = 1000)]
    pub select: Vec<String>,
    /// Fails the run when it has not ended after so many seconds. `runs.timeout` of the settings when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 604_800)]
    pub timeout_seconds: Option<u32>,
    /// The caller's own words, such as a DAG's name; given back with the run.
    pub labels: BTreeMap<String, String>,
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
}

impl Request {
    /// Says whether a part is asked for.
    #[must_use]
    pub fn has(&self, step: StepKind) -> bool {
        self.steps.is_empty() || self.steps.contains(&step)
    }

    /// Says whether a table is asked for.
    #[must_use]
    pub fn selects(&self, table: &str) -> bool {
        self.select.is_empty() || self.select.iter().any(|name| name == table)
    }

    /// Refuses what the pipeline lacks and what is out of bounds.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with the field.
    pub fn check(&self, pipeline: &Definition) -> Result<()> {
        let invalid = |field: String, detail: String| Err(Error::Invalid { field, detail });
        for (at, name) in self.select.iter().enumerate() {
            if !pipeline.tables.contains_key(name) {
                let near = nearest_name(name, pipeline.tables.keys().map(String::as_str))
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default();
                return invalid(
                    format!("select[{at}]"),
                    format!("pipeline `{}` has no table `{name}`{near}", pipeline.name),
                );
            }
        }
        if self.timeout_seconds.is_some_and(|s| s == 0 || s > 604_800) {
            return invalid(
                "timeout_seconds".into(),
                "`timeout_seconds` must be between 1 and 604800 (7 days)".into(),
            );
        }
        let too_long = |text: &String| text.len() > LONGEST_LABEL || text.contains('\0');
        if self.labels.len() > MOST_LABELS
            || self.labels.iter().any(|(k, v)| too_long(k) || too_long(v))
        {
            return invalid(
                "labels".into(),
                format!(
                    "`labels` takes at most {MOST_LABELS} names and values of {LONGEST_LABEL} bytes each, without NUL"
                ),
            );
        }

        Ok(())
    }
}
