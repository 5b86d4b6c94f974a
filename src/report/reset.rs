//! What a reset of a table would delete, and what its source would not give again.

use serde::Serialize;

use super::graph::models_behind;
use super::stored::stored;
use crate::app::App;
use crate::error::Result;
use crate::pipeline::{Marts, Names, SourceKind, TrackedTable};
use crate::state::{ConsumerQuery, Window};
use crate::warehouse::tables_of;

/// The most consumers that a plan names; the service keeps no more.
pub(super) const MOST_CONSUMERS: i64 = 1_000;

/// What a reset of a table would do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "pipeline": "shop", "table": "shop.orders",
    "deletes": [
        {"trino_table": "lake.marts.orders", "action": "drop_table", "rows": 285},
        {"trino_table": "lake.marts.orders_history", "action": "drop_table", "rows": 731},
        {"trino_table": "lake.staging.orders", "action": "drop_table", "rows": 900},
        {"trino_table": "lake.staging.shop_rejects", "action": "delete_rows", "rows": 2},
        {"trino_table": "lake.landing.shop_events", "action": "delete_rows", "rows": 902},
    ],
    "read_detail": "the next reading reads every event of `public.orders` that the audit log still has, and the rows of the table that have no event in it",
    "lost_detail": "events that were deleted from the audit log do not come back, and with them earlier versions of rows; nobody can read rows as they were before the reset",
    "models": ["shop.daily_revenue"], "consumers": ["search_index"],
}))]
pub struct ResetPlan {
    /// The pipeline.
    pub pipeline: String,
    /// The table.
    pub table: String,
    /// What would be deleted in Trino, in this order; empty if nothing is held of the table.
    pub deletes: Vec<ResetDelete>,
    /// What would be read again from the source.
    pub read_detail: String,
    /// What would be lost for good.
    pub lost_detail: String,
    /// The models that read the table, directly or not. They are computed in full after the reset.
    pub models: Vec<String>,
    /// The consumers of the table's row changes. They get `410` and must read all rows again.
    pub consumers: Vec<String>,
}

/// An Iceberg table that would lose rows.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ResetDelete {
    /// Its name in Trino.
    #[schema(example = "lake.marts.orders")]
    pub trino_table: String,
    /// How.
    pub action: ResetAction,
    /// The rows that go; `null` for a view, which has none of its own.
    pub rows: Option<i64>,
}

/// How rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResetAction {
    /// The table is dropped.
    DropTable,
    /// The view is dropped.
    DropView,
    /// The rows of this table are deleted; those of others stay.
    DeleteRows,
}

/// Says what a reset of a table would do; changes nothing.
pub async fn plan_reset(app: &App, of: TrackedTable<'_>) -> Result<ResetPlan> {
    let TrackedTable { definition, table } = of;
    let (read_detail, lost_detail) = source_details(of);
    let models = models_behind(definition, &table.id.name);
    let consumers = ConsumerQuery {
        pipelines: None,
        pipeline: Some(definition.name.clone()),
        of_name: Some(table.id.name.clone()),
        is_model: Some(false),
        after: None,
        limit: MOST_CONSUMERS,
        name: None,
    };
    let consumers = app.store.consumers(&consumers).await?;

    Ok(ResetPlan {
        pipeline: definition.name.clone(),
        table: table.id.to_string(),
        deletes: deletes(app, of).await?,
        read_detail,
        lost_detail,
        models: models.into_iter().collect(),
        consumers: consumers
            .into_iter()
            .map(|consumer| consumer.name)
            .collect(),
    })
}

async fn deletes(
    app: &App,
    TrackedTable { definition, table }: TrackedTable<'_>,
) -> Result<Vec<ResetDelete>> {
    let Some(known) = app.store.table(&table.id).await? else {
        return Ok(Vec::new());
    };
    let names = Names::new(definition, &app.config);
    let mut deletes = Vec::new();
    for dropped in tables_of(&names, &table.id.name, known.marts) {
        let is_view = known.marts == Marts::CurrentView && dropped == names.current(&table.id.name);
        if is_view && known.staged_batch > 0 {
            deletes.push(ResetDelete {
                trino_table: dropped.to_string(),
                action: ResetAction::DropView,
                rows: None,
            });
        } else if let Some(stored) = stored(app, &dropped).await? {
            deletes.push(ResetDelete {
                trino_table: stored.trino_table,
                action: ResetAction::DropTable,
                rows: Some(stored.rows),
            });
        }
    }
    let all = Window {
        after_batch: 0,
        upto_batch: i64::MAX,
    };
    let landed = app.store.landed_between(table, all).await?;
    for (shared, rows) in [
        (names.rejects(), known.rejects),
        (names.landing(), landed.summary.event_count),
    ] {
        if rows > 0 {
            deletes.push(ResetDelete {
                trino_table: shared.to_string(),
                action: ResetAction::DeleteRows,
                rows: Some(rows),
            });
        }
    }

    Ok(deletes)
}

/// What the source gives again, and what it does not.
fn source_details(TrackedTable { definition, table }: TrackedTable<'_>) -> (String, String) {
    let from = &table.from;
    let (read, lost) = match definition.source.kind() {
        SourceKind::PostgresAuditLog => (
            format!(
                "the run reads every event of `{from}` that the audit log still has, and the rows of the table that have no event in it"
            ),
            "events that were deleted from the audit log do not come back, and with them earlier versions of rows",
        ),
        SourceKind::PostgresTable => (
            format!("the run reads every row of `{from}` as it is now"),
            "rows that were deleted in the source and earlier versions of rows do not come back: the history begins anew",
        ),
        SourceKind::Files => (
            format!(
                "the run reads every file of `{}` that is in the folder now",
                table.id.name
            ),
            "files that were moved or deleted since they landed do not come back, unless you drop them into the folder again",
        ),
    };

    (
        read,
        format!("{lost}; nobody can read rows as they were before the reset"),
    )
}
