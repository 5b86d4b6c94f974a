//! Creates the missing Iceberg tables of a tracked table, and brings existing ones to its columns.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Target;
use super::build::{self, drop_leftover};
use super::properties;
use crate::error::{Error, Result};
use crate::landing;
use crate::pipeline::{Column, Marts};
use crate::publish::{Planned, PlannedStatement, Publisher};
use crate::sql::{TableName, render};
use crate::state::{Layer, TableState};

/// Columns that only Icefront gives: to typed logs, rejects, current rows and histories, also in earlier versions.
const LOG_COLUMNS: &[&str] = &["_event_id", "_operation", "_occurred_at", "_batch_id"];
const REJECT_COLUMNS: &[&str] = &["audit_event_id", "reason", "rejected_at", "_batch_id"];
const CURRENT_COLUMNS: &[&str] = &["_event_id", "_occurred_at", "_batch_id"];
const HISTORY_COLUMNS: &[&str] = &[
    "valid_from",
    "valid_to",
    "is_current",
    "_event_id",
    "_batch_id",
];

/// A column that a table has in Trino: a row of `marts/columns.sql`.
#[derive(Deserialize)]
struct TrinoColumn {
    #[serde(rename = "column_name")]
    name: String,
    data_type: String,
    comment: Option<String>,
}

/// What a name in a catalogue stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    #[serde(rename = "BASE TABLE")]
    Table,
    #[serde(rename = "VIEW")]
    View,
}

/// The row of `marts/kind.sql`.
#[derive(Deserialize)]
struct KindRow {
    table_type: Kind,
}

/// The context of the statements that make a view a table again.
#[derive(Serialize)]
struct TakeContext<'a> {
    /// The view, and then the table.
    table: &'a TableName,
    build: &'a TableName,
    properties: Map<String, Value>,
}

/// The row of `marts/table_comment.sql`.
#[derive(Deserialize)]
struct CommentRow {
    comment: Option<String>,
}

/// The context of the statements that change a column.
#[derive(Serialize)]
struct ColumnContext<'a> {
    table: &'a TableName,
    column: &'a Column,
}

/// The context of `marts/columns.sql`, `marts/kind.sql` and `marts/table_comment.sql`.
#[derive(Serialize)]
struct LookupContext<'a> {
    columns_of: [&'a str; 3],
    tables_of: [&'a str; 3],
    catalog: &'a str,
    schema: &'a str,
    table: &'a str,
}

/// The context of `marts/comment_column.sql`.
#[derive(Serialize)]
struct ColumnCommentContext<'a> {
    /// The table's name and the column's.
    name: TableName,
    description: &'a str,
}

/// The context of `marts/comment_table.sql`.
#[derive(Serialize)]
struct TableCommentContext<'a> {
    table: &'a TableName,
    is_view: bool,
    description: &'a str,
}

/// Creates schemas and tables, adds columns and widens types. Fails with [`Error::ContractBroken`] if a column's type
/// cannot become the right one, or if a table that has rows is missing.
pub async fn ensure(target: Target<'_>, state: &TableState) -> Result<()> {
    properties::check(target)?;
    let ensured = ensure_all(target, state).await;

    ensured.map_err(|error| properties::told(target, error))
}

async fn ensure_all(target: Target<'_>, state: &TableState) -> Result<()> {
    let context = target.context();
    let current_is_view = target.marts == Marts::CurrentView;
    refuse_missing(target, state).await?;
    if state.staged_batch > 0 {
        recognise(target).await?;
    }
    for table in [target.staging(), target.current()] {
        landing::create_schema(target.publisher, &table).await?;
    }
    if !current_is_view {
        take_from_view(target).await?;
    }
    for (table, template) in created(target) {
        let create = render(template, &context)?;
        target.publisher.run(&table, &create).await?;
    }
    for layer in Layer::ALL {
        drop_leftover(target, layer).await?;
    }
    evolve(target, &target.staging(), &[]).await?;
    // The first publication remakes a mart, so it needs no changes before.
    if state.current_from() > 0 && !current_is_view {
        evolve(target, &target.current(), &[]).await?;
        properties::set(target, Layer::Current).await?;
    }
    if state.history_from() > 0 && target.marts.has_history() {
        // Histories of earlier versions of the service lack it.
        let ingested_at = Column::of_type("_ingested_at", "timestamp(6) with time zone");
        evolve(target, &target.history(), &[ingested_at]).await?;
        properties::set(target, Layer::History).await?;
    }
    if current_is_view && (state.history_from() > 0 || kind_of_current(target).await?.is_none()) {
        show_open_versions(target).await?;
    }

    Ok(())
}

/// Notes the tables as the pipeline's own that were made before the state database knew of any batch.
async fn recognise(target: Target<'_>) -> Result<()> {
    for (table, columns) in [
        (target.staging(), LOG_COLUMNS),
        (target.names.rejects(), REJECT_COLUMNS),
        (target.current(), CURRENT_COLUMNS),
        (target.history(), HISTORY_COLUMNS),
    ] {
        target.publisher.recognise(&table, columns).await?;
    }

    Ok(())
}

/// The tables that a tracked table needs, with the statements that create them.
fn created(target: Target<'_>) -> Vec<(TableName, &'static str)> {
    let mut tables = vec![
        (target.staging(), "staging/create.sql"),
        (target.names.rejects(), "staging/create_rejects.sql"),
    ];
    if target.marts != Marts::CurrentView {
        tables.push((target.current(), "marts/create_current.sql"));
    }
    if target.marts.has_history() {
        tables.push((target.history(), "marts/create_history.sql"));
    }

    tables
}

/// The statements that would create the tables.
pub fn planned_tables(target: Target<'_>) -> Result<Vec<PlannedStatement>> {
    let context = target.context();
    let created = created(target).into_iter();

    created
        .map(|(table, template)| {
            let create = render(template, &context)?;
            Ok(Planned::once(&table, create).at(&target.stage_step()))
        })
        .collect()
}

/// Refuses to begin an empty table where one with rows should be: its name may have changed.
async fn refuse_missing(target: Target<'_>, state: &TableState) -> Result<()> {
    let current_is_table = target.marts != Marts::CurrentView;
    let filled = [
        (state.staged_batch > 0, Layer::Log, "restage"),
        (
            state.current_from() > 0 && current_is_table,
            Layer::Current,
            "rebuild",
        ),
        (
            state.history_from() > 0 && target.marts.has_history(),
            Layer::History,
            "rebuild",
        ),
    ];
    for (_, layer, remedy) in filled.into_iter().filter(|(is_filled, ..)| *is_filled) {
        let table = target.table_of(layer);
        if !exists(target.publisher, &table).await? {
            return Err(Error::ContractBroken {
                table: target.table.id.to_string(),
                detail: format!(
                    "`{table}` has rows, but is missing in Trino; if its name or schema changed in the definition or the settings, put the old one back, or rename the table there too. If it was dropped, make it again with `POST /v1/tables/{}/{remedy}`",
                    target.table.id
                ),
            });
        }
    }

    Ok(())
}

/// Makes the current rows a view of the history, if they are not yet, or not with its columns. A table of an earlier
/// definition goes.
pub(super) async fn show_open_versions(target: Target<'_>) -> Result<()> {
    let current = target.current();
    match kind_of_current(target).await? {
        Some(Kind::Table) => {
            target.publisher.resolve(&current).await?;
            landing::drop_table(target.publisher, &current).await?;
        }
        Some(Kind::View) => {
            let found = columns_of(target, &current).await?;
            let shown = found.iter().filter(|column| !column.name.starts_with('_'));
            let wanted = target.columns.iter();
            if shown
                .map(|column| (&column.name, &column.data_type))
                .eq(wanted.map(|column| (&column.name, &column.data_type)))
            {
                return describe(target, &current, &found).await;
            }
        }
        None => {}
    }
    let create = render("marts/create_view.sql", target.context())?;
    target.publisher.run(&current, &create).await?;

    describe_remade(target, &current).await
}

/// Prepares the marts for another choice of them. The next publication remakes them.
pub async fn change_marts(target: Target<'_>, wanted: Marts) -> Result<()> {
    if wanted != Marts::CurrentView {
        take_from_view(target).await?;
    }
    if !wanted.has_history() {
        target.publisher.resolve(&target.history()).await?;
        landing::drop_table(target.publisher, &target.history()).await?;
    }

    Ok(())
}

/// Makes the current rows a table, if they are a view.
async fn take_from_view(target: Target<'_>) -> Result<()> {
    let (publisher, current) = (target.publisher, target.current());
    let is_written = publisher
        .store
        .has_written(publisher.pipeline, &current.to_string())
        .await?;
    if !is_written {
        return Ok(());
    }
    let build = target.build_of(Layer::Current);
    let context = TakeContext {
        table: &current,
        build: &build,
        properties: target.properties_of(Layer::Current),
    };
    let kind = kind_of_current(target).await?;
    if matches!(kind, Some(Kind::View)) {
        publisher.resolve(&build).await?;
        let copy = render("marts/copy_view.sql", &context)?;
        publisher.run(&build, &copy).await?;
        let drop = render("marts/drop_view.sql", &context)?;
        publisher.run(&current, &drop).await?;
    }
    // An earlier attempt may have ended between the two. A build of current rows is not complete, and one of somebody else is none.
    let is_ours = publisher
        .store
        .has_written(publisher.pipeline, &build.to_string())
        .await?;
    let under_way = publisher
        .store
        .build(&target.table.id, Layer::Current)
        .await?
        .is_some_and(|build| build.is_under_way());
    if !matches!(kind, Some(Kind::Table))
        && is_ours
        && !under_way
        && build::rows(target, &build).await?.is_some()
    {
        let rename = render("marts/rename_build.sql", &context)?;
        publisher.run(&current, &rename).await?;
    }

    Ok(())
}

async fn kind_of_current(target: Target<'_>) -> Result<Option<Kind>> {
    kind_of(target.publisher, &target.current()).await
}

/// What has this name; `None` if nothing has.
pub(super) async fn kind_of(publisher: Publisher<'_>, table: &TableName) -> Result<Option<Kind>> {
    let found: Vec<KindRow> = publisher
        .rows("marts/kind.sql", LookupContext::of(table))
        .await?;

    Ok(found.into_iter().next().map(|row| row.table_type))
}

/// Whether a table or view of this name is there.
pub async fn exists(publisher: Publisher<'_>, table: &TableName) -> Result<bool> {
    Ok(kind_of(publisher, table).await?.is_some())
}

/// Whether a table of this name is there, and no view.
pub async fn is_table(publisher: Publisher<'_>, table: &TableName) -> Result<bool> {
    let kind = kind_of(publisher, table).await?;

    Ok(matches!(kind, Some(Kind::Table)))
}

/// Adds the columns that a table lacks, also these technical ones, and widens types.
async fn evolve(target: Target<'_>, table: &TableName, technical: &[Column]) -> Result<()> {
    let found = columns_of(target, table).await?;
    for column in target.columns.iter().chain(technical) {
        let statement = match found.iter().find(|found| found.name == column.name) {
            None => "marts/add_column.sql",
            Some(found) if found.data_type == column.data_type => continue,
            Some(found) if Column::of_type(&found.name, &found.data_type).widens_to(column) => {
                "marts/widen_column.sql"
            }
            Some(found) => {
                return Err(Error::ContractBroken {
                    table: target.table.id.to_string(),
                    detail: format!(
                        "column `{}` of `{table}` is {} and should be {}; remake the tables with `POST /v1/tables/{}/restage`",
                        column.name, found.data_type, column.data_type, target.table.id
                    ),
                });
            }
        };
        let context = ColumnContext { table, column };
        target
            .publisher
            .run(table, &render(statement, context)?)
            .await?;
    }

    describe(target, table, &found).await
}

/// Writes the contract's descriptions as comments of the table and its columns, because a remade table has none.
pub async fn describe_remade(target: Target<'_>, table: &TableName) -> Result<()> {
    let has_descriptions = target.table.description.is_some()
        || target
            .columns
            .iter()
            .any(|column| column.description.is_some());
    if !has_descriptions {
        return Ok(());
    }
    let found = columns_of(target, table).await?;

    describe(target, table, &found).await
}

async fn describe(target: Target<'_>, table: &TableName, found: &[TrinoColumn]) -> Result<()> {
    for column in target.columns {
        let Some(description) = &column.description else {
            continue;
        };
        let comment = found
            .iter()
            .find(|found| found.name == column.name)
            .and_then(|found| found.comment.as_ref());
        if comment != Some(description) {
            let mut name = table.clone();
            name.0.push(column.name.clone());
            let context = ColumnCommentContext { name, description };
            let sql = render("marts/comment_column.sql", context)?;
            target.publisher.run(table, &sql).await?;
        }
    }
    let Some(description) = &target.table.description else {
        return Ok(());
    };
    let rows: Vec<CommentRow> = target
        .publisher
        .rows("marts/table_comment.sql", LookupContext::of(table))
        .await?;
    let comment = rows.first().and_then(|row| row.comment.as_ref());
    if comment != Some(description) {
        let context = TableCommentContext {
            table,
            is_view: target.marts == Marts::CurrentView && *table == target.current(),
            description,
        };
        let sql = render("marts/comment_table.sql", context)?;
        target.publisher.run(table, &sql).await?;
    }

    Ok(())
}

async fn columns_of(target: Target<'_>, table: &TableName) -> Result<Vec<TrinoColumn>> {
    target
        .publisher
        .rows("marts/columns.sql", LookupContext::of(table))
        .await
}

impl<'a> LookupContext<'a> {
    fn of(table: &'a TableName) -> Self {
        let [catalog, schema, table] = [0, 1, 2].map(|part| table.0[part].as_str());

        Self {
            columns_of: [catalog, "information_schema", "columns"],
            tables_of: [catalog, "information_schema", "tables"],
            catalog,
            schema,
            table,
        }
    }
}
