//! What the deletion of a leftover would do.

use serde::Serialize;

use super::holdings::{Holdings, KeptTable};
use super::leftovers::Leftover;
use super::reset::{MOST_CONSUMERS, ResetDelete};
use super::written::WrittenTables;
use crate::app::App;
use crate::error::Result;
use crate::state::{ConsumerQuery, LeftoverKind};

/// What the deletion of a leftover would do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "pipeline": "shop", "table": "shop.orders", "model": null,
    "deletes": [
        {"trino_table": "lake.marts.orders", "action": "drop_table", "rows": 285},
        {"trino_table": "lake.marts.orders_history", "action": "drop_table", "rows": 731},
        {"trino_table": "lake.staging.orders", "action": "drop_table", "rows": 900},
        {"trino_table": "lake.staging.shop_rejects", "action": "delete_rows", "rows": 2},
        {"trino_table": "lake.landing.shop_events", "action": "delete_rows", "rows": 902},
    ],
    "kept": [], "state_rows": 14, "consumers": ["search_index"],
}))]
pub struct LeftoverPlan {
    /// The pipeline.
    pub pipeline: String,
    /// The table; `null` if it is a model.
    #[schema(required = true)]
    pub table: Option<String>,
    /// The model; `null` if it is a table.
    #[schema(required = true)]
    pub model: Option<String>,
    /// What would be deleted in Trino.
    pub deletes: Vec<ResetDelete>,
    /// Tables and views in Trino that stay, although a run wrote a table or view of this name.
    pub kept: Vec<KeptTable>,
    /// The number of rows that the state database would forget, besides counts of events.
    pub state_rows: i64,
    /// The consumers of its row changes. They are deleted, too.
    pub consumers: Vec<String>,
}

/// Says what the deletion of a leftover would do; changes nothing.
pub async fn plan_deletion(app: &App, leftover: &Leftover) -> Result<LeftoverPlan> {
    let written = WrittenTables::find(app, leftover).await?;
    let holdings = Holdings::find(app, leftover, &written).await?;
    let Leftover { id, kind } = leftover;
    let is_model = *kind == LeftoverKind::Model;
    let consumers = ConsumerQuery {
        pipelines: None,
        pipeline: Some(id.pipeline.clone()),
        of_name: Some(id.name.clone()),
        is_model: Some(is_model),
        after: None,
        limit: MOST_CONSUMERS,
        name: None,
    };
    let consumers = app.store.consumers(&consumers).await?;
    let name = Some(id.to_string());

    Ok(LeftoverPlan {
        pipeline: id.pipeline.clone(),
        table: name.clone().filter(|_| !is_model),
        model: name.filter(|_| is_model),
        deletes: holdings.deletes(app).await?,
        kept: holdings.kept,
        state_rows: app.store.state_rows(id, *kind).await?,
        consumers: consumers.into_iter().map(|one| one.name).collect(),
    })
}
