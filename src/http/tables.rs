//! `/v1/tables`: tracked tables, their columns, and the size of their Iceberg tables.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Granted;
use super::page::{Page, Paging};
use super::read::{AnyOf, Path, Query};
use crate::error::{Problem, Result};
use crate::pipeline::{Drift, Marts, Names, SourceKind, TableId, TrackedTable};
use crate::report::{self, StoredTable};
use crate::state::TableState;

/// A tracked table.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Table {
    /// The table's name in the API.
    #[schema(example = "shop.orders")]
    name: String,
    /// The table's pipeline.
    #[schema(example = "shop")]
    pipeline: String,
    /// The kind of its source.
    source_kind: SourceKind,
    /// The source table, or `files.<table>` for files.
    #[schema(example = "public.orders")]
    from: String,
    /// The columns that identify a row.
    key: Vec<String>,
    /// The business columns; empty before the first run.
    columns: Vec<Column>,
    /// The last batch in the typed log; `null` before the first.
    #[schema(example = "12")]
    staged_batch_id: Option<String>,
    /// The last batch in the current rows; `null` before the first.
    #[schema(example = "12")]
    current_batch_id: Option<String>,
    /// The last batch in the history; `null` with `history: off`.
    #[schema(example = "12")]
    history_batch_id: Option<String>,
    /// The number of rejects that were neither replayed nor dismissed.
    rejects: i64,
    /// Differences between the source and the table, and columns that were added or widened.
    drift: Vec<Drift>,
    /// Its Iceberg tables, as Trino describes them; `null` in lists.
    stored_tables: Option<Vec<StoredTable>>,
}

/// A business column.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Column {
    /// The column's name in the tables.
    #[schema(example = "order_sum")]
    name: String,
    /// The field of the event that fills the column.
    #[schema(example = "sum")]
    from: String,
    /// The column's type in Trino.
    #[schema(example = "decimal(18,2)")]
    data_type: String,
    /// Whether it belongs to the key.
    in_key: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct TablePath {
    /// The table's name in the API: pipeline and table.
    #[param(example = "shop.orders")]
    pub(super) table: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct TablesQuery {
    /// Only tables of this pipeline.
    #[param(example = "shop", required = false)]
    pipeline: Option<String>,
    /// Only tables with a source of one of these kinds.
    #[param(value_type = Option<Vec<SourceKind>>, style = Form, explode = false, min_items = 1, required = false)]
    source_kind: Option<AnyOf<SourceKind>>,
}

type TablePage = Page<Table>;

/// List tracked tables, sorted by pipeline and name.
#[utoipa::path(
    get, path = "/v1/tables", tag = "tables",
    params(TablesQuery, Paging),
    responses((status = OK, description = "A page of tracked tables", body = TablePage), Problem),
)]
pub(super) async fn list_tables(
    Granted(app): Granted,
    Query(query): Query<TablesQuery>,
    paging: Paging,
) -> Result<Json<TablePage>> {
    let kinds = query.source_kind.as_ref();
    let definitions = app.pipelines.chosen(query.pipeline.as_deref())?;
    let fitting = definitions
        .into_iter()
        .filter(|of| kinds.is_none_or(|AnyOf(kinds)| kinds.contains(&of.source.kind())));
    let all = fitting.flat_map(TrackedTable::all);
    let page = paging.page_of(all, |of| of.table.id.clone())?;
    let ids: Vec<&TableId> = page.rows().iter().map(|of| &of.table.id).collect();
    let mut states = app.store.tables(&ids).await?;

    Ok(Json(page.map(|of| {
        let state = states.remove(&of.table.id);
        view(of, state)
    })))
}

/// Get a tracked table, with snapshot, rows, files and size of its Iceberg tables.
#[utoipa::path(
    get, path = "/v1/tables/{table}", tag = "tables",
    params(TablePath),
    responses((status = OK, description = "The table", body = Table), Problem),
)]
pub(super) async fn get_table(
    Granted(app): Granted,
    Path(TablePath { table }): Path<TablePath>,
) -> Result<Json<Table>> {
    let of = app.pipelines.table(&table)?;
    let TrackedTable { definition, table } = of;
    let names = Names::new(definition, &app.config);
    let name = &table.id.name;
    let known = app.store.table(&table.id).await?;
    let marts = known
        .as_ref()
        .map_or_else(|| table.marts(), |known| known.marts);
    let marts = match marts {
        Marts::TwoTables => vec![names.current(name), names.history(name)],
        Marts::CurrentView => vec![names.history(name)],
        Marts::NoHistory => vec![names.current(name)],
    };
    let mut stored = Vec::new();
    for table in [names.staging(name)].into_iter().chain(marts) {
        stored.extend(report::stored(&app, &table).await?);
    }

    Ok(Json(Table {
        stored_tables: Some(stored),
        ..view(of, known)
    }))
}

fn view(TrackedTable { definition, table }: TrackedTable<'_>, state: Option<TableState>) -> Table {
    let columns = state.as_ref().map(|state| {
        let column = |column: &crate::pipeline::Column| Column {
            name: column.name.clone(),
            from: column.from.clone(),
            data_type: column.data_type.clone(),
            in_key: column.is_key,
        };
        state.columns.iter().map(column).collect()
    });

    Table {
        name: table.id.to_string(),
        pipeline: definition.name.clone(),
        source_kind: definition.source.kind(),
        from: table.from.clone(),
        key: table.key.clone(),
        columns: columns.unwrap_or_default(),
        staged_batch_id: batch_id(state.as_ref().map(|state| state.staged_batch)),
        current_batch_id: batch_id(state.as_ref().map(|state| state.current_batch)),
        history_batch_id: batch_id(
            state
                .as_ref()
                .filter(|_| table.marts().has_history())
                .map(|state| state.history_batch),
        ),
        rejects: state.as_ref().map_or(0, |state| state.rejects),
        drift: state.map_or_else(Vec::new, |state| state.drift),
        stored_tables: None,
    }
}

/// The id of a batch; 0 stands for none.
fn batch_id(batch: Option<i64>) -> Option<String> {
    batch
        .filter(|batch| *batch != 0)
        .map(|batch| batch.to_string())
}
