//! Why a model is refreshed as it is: its scope, and what a change of each input costs.

use icefront_project::Materialized;
use serde::Serialize;

use super::analysis::plainly;
use super::refresh::{Refresh, Refreshing};
use super::{Analysis, Shape};
use crate::error::{Error, Result};
use crate::pipeline::NodeKind;
use crate::state::InputReading;

/// How a model can be refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RefreshMode)]
pub enum Mode {
    /// A view computes its rows when it is read.
    View,
    /// Only the affected scopes are computed.
    Incremental,
    /// All of it is computed whenever an input changed.
    Full,
    /// Not known before its table and those of its inputs exist.
    Unknown,
}

/// How a model is refreshed, and why.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Explanation {
    /// How its refreshes compute it.
    pub mode: Mode,
    /// Why it is not incremental, or not known.
    pub detail: Option<String>,
    /// The columns that cut it into scopes; empty without scopes.
    pub scope_columns: Vec<String>,
    /// The columns that may differ when the query runs again over the same rows, such as `any_value(x)`. `verify` leaves them out.
    pub not_reproducible_columns: Vec<String>,
    /// The tables that it reads, also through views.
    pub inputs: Vec<ExplainedInput>,
}

/// A table that a model reads.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ExplainedInput {
    /// Its name in Trino.
    #[schema(example = "lake.marts.orders")]
    pub trino_table: String,
    /// What it is.
    pub kind: NodeKind,
    /// What the last refresh read of it.
    pub reading: Option<InputSnapshot>,
    /// Why a change of it means that the model is computed in full.
    pub full_refresh_detail: Option<String>,
}

/// What a refresh read of a table.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct InputSnapshot {
    /// Its name in Trino.
    #[schema(example = "lake.marts.orders")]
    pub trino_table: String,
    /// The snapshot; `null` for an empty table, and for one that has none.
    pub snapshot_id: Option<String>,
    /// Changes with the rows: the snapshot of the last publication. `snapshot_id` may be that of rewritten files.
    pub published_snapshot_id: Option<String>,
    /// The last batch in it, for tracked tables.
    #[schema(example = "12")]
    pub up_to_batch_id: Option<String>,
    /// How often it was remade until then, for tracked tables.
    pub remakes: Option<i64>,
}

impl InputSnapshot {
    #[must_use]
    pub fn of(table: &str, reading: InputReading) -> Self {
        Self {
            trino_table: table.to_owned(),
            snapshot_id: reading.snapshot,
            published_snapshot_id: reading.version,
            up_to_batch_id: reading.upto_batch.map(|batch| batch.to_string()),
            remakes: reading.remakes,
        }
    }
}

/// Explains how a model is refreshed. Changes nothing.
pub async fn explain(model: Refreshing<'_>) -> Result<Explanation> {
    let refresh = match Refresh::observe(model).await {
        Err(Error::ModelBroken { detail, .. }) => return Ok(unknown(detail)),
        refresh => refresh?,
    };
    let analysis = match refresh.analysis().await {
        Err(Error::ModelBroken { detail, .. }) => return Ok(unknown(detail)),
        analysis => analysis?,
    };
    let config = &model.model.config;
    let (mode, detail) = match &analysis.shape {
        Shape::Whole if config.materialized == Materialized::View => (Mode::View, None),
        Shape::Whole => (Mode::Full, Some("it is materialized as a table".to_owned())),
        Shape::Unknown => (
            Mode::Unknown,
            Some("it was never refreshed with this definition".to_owned()),
        ),
        Shape::Scoped(_) if config.refresh == icefront_project::Refresh::Full => (
            Mode::Full,
            Some("its configuration says `refresh: full`".to_owned()),
        ),
        Shape::Scoped(_) => (Mode::Incremental, None),
        Shape::Full(reason) => (Mode::Full, Some(plainly(reason))),
    };
    let scope_columns = match &analysis.shape {
        Shape::Scoped(model) => model
            .scope()
            .into_iter()
            .map(|column| column.name.clone())
            .collect(),
        _ => Vec::new(),
    };

    Ok(Explanation {
        mode,
        detail,
        scope_columns,
        not_reproducible_columns: refresh.not_reproducible_columns(&analysis),
        inputs: inputs(&refresh, &analysis),
    })
}

fn unknown(detail: String) -> Explanation {
    Explanation {
        mode: Mode::Unknown,
        detail: Some(detail),
        scope_columns: Vec::new(),
        not_reproducible_columns: Vec::new(),
        inputs: Vec::new(),
    }
}

fn inputs(refresh: &Refresh<'_>, analysis: &Analysis) -> Vec<ExplainedInput> {
    let reading = refresh.state.reading.as_ref();
    let of = analysis.inputs.iter().enumerate();

    of.map(|(input, read)| {
        let table = read.table.to_string();
        let full_refresh_detail = match &analysis.shape {
            Shape::Scoped(model) => model.fault_of(input).map(|reason| plainly(&reason)),
            _ => None,
        };
        ExplainedInput {
            reading: reading
                .and_then(|reading| reading.inputs.get(&table).cloned())
                .map(|reading| InputSnapshot::of(&table, reading)),
            trino_table: table,
            kind: read.input.kind(),
            full_refresh_detail,
        }
    })
    .collect()
}
