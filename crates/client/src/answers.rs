//! What the service answers. Fields that are not shown are not read, so that new ones are no fault.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::text;

/// Counts by name, in the order of the service.
pub(crate) type Counts = Map<String, Value>;

/// A problem of RFC 9457.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: u16,
    pub(crate) title: String,
    pub(crate) detail: String,
    pub(crate) field: Option<String>,
    pub(crate) run_id: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) request_id: Option<String>,
}

impl Problem {
    /// The last part of the type: `not-found`.
    pub(crate) fn slug(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }

    /// The problem as a sentence, with its step and its field.
    pub(crate) fn told(&self) -> String {
        let detail = if self.detail.is_empty() {
            &self.title
        } else {
            &self.detail
        };
        let place = match (&self.step, &self.field) {
            (Some(step), _) => format!("step {}: ", text::one_line(step)),
            (None, Some(field)) if !detail.contains(field.as_str()) => {
                format!("{}: ", text::one_line(field))
            }
            (None, _) => String::new(),
        };

        format!("{place}{}", text::clean(detail))
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) pipeline: String,
    pub(crate) state: String,
    pub(crate) kind: Option<String>,
    pub(crate) trigger: Option<String>,
    pub(crate) terminal: bool,
    pub(crate) attempt: Option<i64>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) duration_seconds: Option<f64>,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) counts: Counts,
    pub(crate) error: Option<Problem>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) attempt: Option<i64>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) duration_seconds: Option<f64>,
    #[serde(default)]
    pub(crate) counts: Counts,
    pub(crate) error: Option<Problem>,
}

/// What a test found.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TestResult {
    table: Option<String>,
    model: Option<String>,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) failures: i64,
    pub(crate) threshold: i64,
    pub(crate) rows: i64,
}

impl TestResult {
    /// The table or model that it is of.
    pub(crate) fn of(&self) -> &str {
        either(self.table.as_deref(), self.model.as_deref())
    }
}

/// A statement that a step sent.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SentSql {
    pub(crate) trino_table: Option<String>,
    pub(crate) trino_query_id: Option<String>,
    pub(crate) sql: String,
}

/// The event `run`: a new state or attempt.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RunEvent {
    pub(crate) state: String,
    pub(crate) attempt: Option<i64>,
}

/// The event `step`: the begin or the end of a step.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StepEvent {
    pub(crate) step: String,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) counts: Counts,
    pub(crate) error: Option<Problem>,
    pub(crate) occurred_at: Option<Timestamp>,
}

/// The event `progress`: the statements that Trino works on.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ProgressEvent {
    #[serde(default)]
    pub(crate) statements: Vec<Working>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Working {
    pub(crate) step: String,
    pub(crate) progress: Progress,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Progress {
    pub(crate) percent: Option<i64>,
    pub(crate) processed_rows: Option<i64>,
    pub(crate) slice: Option<Part>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Part {
    pub(crate) number: i64,
    pub(crate) of: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Pipeline {
    pub(crate) name: String,
    pub(crate) usable: bool,
    pub(crate) error: Option<Problem>,
    pub(crate) paused: bool,
    pub(crate) schedule: Option<String>,
    pub(crate) poll_seconds: Option<i64>,
    pub(crate) next_run_at: Option<Timestamp>,
}

/// The freshness of a table or a model.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Freshness {
    pub(crate) table: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) status: String,
    pub(crate) covered_until: Option<Timestamp>,
    pub(crate) lag_seconds: Option<f64>,
    pub(crate) lag_reason: Option<String>,
    pub(crate) lag_detail: Option<String>,
    pub(crate) warn_after_seconds: Option<u64>,
    pub(crate) error_after_seconds: Option<u64>,
    pub(crate) target_lag_seconds: Option<u64>,
}

impl Freshness {
    /// Whether something says how old it may become.
    pub(crate) fn has_limit(&self) -> bool {
        [
            self.warn_after_seconds,
            self.error_after_seconds,
            self.target_lag_seconds,
        ]
        .iter()
        .any(Option::is_some)
    }

    pub(crate) fn name(&self) -> &str {
        either(self.table.as_deref(), self.model.as_deref())
    }

    pub(crate) fn pipeline(&self) -> &str {
        pipeline_of(self.name())
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Change {
    pub(crate) table: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) run_id: Option<String>,
    pub(crate) period_start_at: Option<Timestamp>,
    pub(crate) changed_at: Option<Timestamp>,
    pub(crate) inserted: Option<i64>,
    pub(crate) updated: Option<i64>,
    pub(crate) deleted: Option<i64>,
    pub(crate) read: Option<i64>,
    pub(crate) rejected: Option<i64>,
    pub(crate) duplicate: Option<i64>,
    pub(crate) refreshes: Option<i64>,
}

impl Change {
    pub(crate) fn name(&self) -> &str {
        either(self.table.as_deref(), self.model.as_deref())
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) from: Option<String>,
    #[serde(default)]
    pub(crate) key: Vec<String>,
    pub(crate) rejects: i64,
    #[serde(default)]
    pub(crate) drift: Vec<Drift>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Drift {
    pub(crate) column: String,
    pub(crate) change: String,
    pub(crate) detail: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Reject {
    pub(crate) id: String,
    pub(crate) table: String,
    pub(crate) reason: Option<String>,
    pub(crate) column: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) operation: Option<String>,
    pub(crate) occurred_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) connection: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) cursor: Option<Cursor>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Cursor {
    pub(crate) covered_until: Option<Timestamp>,
    pub(crate) moved_at: Option<Timestamp>,
}

/// What the check of a source found.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Checked {
    pub(crate) cursor_safety: Option<String>,
    pub(crate) cursor_safety_detail: Option<String>,
    pub(crate) findings: Vec<Finding>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Finding {
    pub(crate) check: String,
    pub(crate) status: String,
    pub(crate) detail: String,
    pub(crate) remedy: Option<String>,
}

/// What the next run of a pipeline would do.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Plan {
    pub(crate) backlog: Option<i64>,
    pub(crate) source_statements: Option<Vec<PlannedStatement>>,
    pub(crate) tables: Vec<PlannedTable>,
    #[serde(default)]
    pub(crate) models: Vec<PlannedModel>,
    pub(crate) error: Option<Problem>,
}

/// What a reset of a table would do.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ResetPlan {
    pub(crate) table: String,
    #[serde(default)]
    pub(crate) deletes: Vec<ResetDelete>,
    pub(crate) read_detail: String,
    pub(crate) lost_detail: String,
    #[serde(default)]
    pub(crate) models: Vec<String>,
    #[serde(default)]
    pub(crate) consumers: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ResetDelete {
    pub(crate) trino_table: String,
    pub(crate) action: String,
    pub(crate) rows: Option<i64>,
}

/// What a removed table or model left behind.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Leftover {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) pipeline_declared: bool,
    #[serde(default)]
    pub(crate) trino_names: Vec<String>,
    pub(crate) published_at: Option<Timestamp>,
}

/// What the deletion of a leftover would do.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LeftoverPlan {
    pub(crate) table: Option<String>,
    pub(crate) model: Option<String>,
    #[serde(default)]
    pub(crate) deletes: Vec<ResetDelete>,
    #[serde(default)]
    pub(crate) kept: Vec<KeptTable>,
    pub(crate) state_rows: i64,
    #[serde(default)]
    pub(crate) consumers: Vec<String>,
}

impl LeftoverPlan {
    /// The name of the table or model.
    pub(crate) fn name(&self) -> &str {
        let name = self.table.as_deref().or(self.model.as_deref());

        name.unwrap_or_default()
    }
}

/// A table in Trino that stays.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct KeptTable {
    pub(crate) trino_table: String,
    pub(crate) detail: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PlannedTable {
    pub(crate) table: String,
    pub(crate) new: bool,
    pub(crate) waiting_batches: i64,
    #[serde(default)]
    pub(crate) drift: Vec<Drift>,
    pub(crate) build: Option<PlannedBuild>,
    pub(crate) refusal_detail: Option<String>,
    pub(crate) statements: Option<Vec<PlannedStatement>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PlannedStatement {
    pub(crate) step: String,
    pub(crate) slices: i64,
    pub(crate) sql: String,
    pub(crate) detail: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PlannedBuild {
    pub(crate) events: i64,
    pub(crate) slices: i64,
    pub(crate) duration_seconds: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PlannedModel {
    pub(crate) model: String,
    pub(crate) rebuild_detail: Option<String>,
    pub(crate) refusal_detail: Option<String>,
    pub(crate) statements: Option<Vec<PlannedStatement>>,
}

/// What is wrong with the files of a pipeline.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct DefinitionCheck {
    pub(crate) valid: bool,
    pub(crate) findings: Vec<DefinitionFinding>,
    pub(crate) left_out: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct DefinitionFinding {
    pub(crate) severity: String,
    pub(crate) file: String,
    pub(crate) line: Option<i64>,
    pub(crate) line_column: Option<i64>,
    pub(crate) detail: String,
    pub(crate) remedy: Option<String>,
}

/// What Trino says about the models of a pipeline.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Validations {
    pub(crate) models: Vec<Validation>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Validation {
    pub(crate) model: String,
    pub(crate) file: String,
    pub(crate) valid: bool,
    pub(crate) line: Option<i64>,
    pub(crate) line_column: Option<i64>,
    pub(crate) detail: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) materialized: String,
    pub(crate) trino_table: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    #[serde(default)]
    pub(crate) depends_on: Vec<String>,
    pub(crate) rows: Option<i64>,
    pub(crate) suspended: bool,
    pub(crate) refresh: Option<Explanation>,
}

/// How a model is refreshed, and why.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Explanation {
    pub(crate) mode: String,
    pub(crate) detail: Option<String>,
    #[serde(default)]
    pub(crate) scope_columns: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ModelSql {
    pub(crate) source: String,
    pub(crate) rendered: String,
    pub(crate) sent: Option<Sent>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Sent {
    pub(crate) statements: Vec<SentSql>,
}

/// A row of a table: its values by column, in their order.
pub(crate) type Row = Map<String, Value>;

/// The pipeline of a full name: `shop` of `shop.orders`.
pub(crate) fn pipeline_of(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

fn either<'a>(table: Option<&'a str>, model: Option<&'a str>) -> &'a str {
    table.or(model).unwrap_or("?")
}
