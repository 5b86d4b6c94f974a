//! Leftovers: the tables and models that are held, but that no definition declares any more.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::error::{Error, Result};
use crate::pipeline::TableId;
use crate::sql::TableName;
use crate::state::{Held, LeftoverKind, WrittenTable};

/// A table or model that is held, but that no definition declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its name in the API.
    pub id: TableId,
    pub kind: LeftoverKind,
}

/// A leftover with what is held of it.
#[derive(Debug)]
pub struct HeldLeftover {
    pub leftover: Leftover,
    /// Its tables and views in Trino.
    pub trino_names: Vec<String>,
    /// When its rows changed last, if that is known.
    pub published_at: Option<Timestamp>,
}

/// A row of `report/existing.sql`.
#[derive(Deserialize)]
struct ExistingRow {
    schema_name: String,
    table_name: String,
    is_view: bool,
}

/// The tables and views that exist, by their names in lower case, and whether each is a view.
pub(super) type Existing = BTreeMap<String, bool>;

/// Lists the leftovers, sorted by pipeline and name. While nobody can say what a pipeline declares, it has none.
pub async fn leftovers(app: &App) -> Result<Vec<Leftover>> {
    let held = app.store.held().await?;
    let left = held.into_iter().filter(|held| !may_be_declared(app, held));
    let mut leftovers: Vec<Leftover> = left
        .map(|held| Leftover {
            id: TableId::new(&held.pipeline, &held.name),
            kind: held.kind,
        })
        .collect();
    leftovers.sort_by(|one, other| (&one.id, one.kind).cmp(&(&other.id, other.kind)));

    Ok(leftovers)
}

/// Finds the leftover of a name; of a table and a model with one name, the table. `None` if nothing of this name is held.
///
/// # Errors
///
/// [`Error::StillDeclared`], [`Error::PipelineBroken`] if nobody can say whether it is declared.
pub async fn find_leftover(app: &App, name: &str) -> Result<Option<Leftover>> {
    let all = leftovers(app).await?;
    if let Some(found) = all.into_iter().find(|one| one.id.to_string() == name) {
        return Ok(Some(found));
    }
    for (kind, is_declared) in [
        ("table", app.pipelines.table(name).is_ok()),
        ("model", app.pipelines.model(name).is_ok()),
    ] {
        if is_declared {
            let name = name.to_owned();
            return Err(Error::StillDeclared { kind, name });
        }
    }
    let id: Option<TableId> = name.parse().ok();
    match id.and_then(|id| app.pipelines.unclear(&id.pipeline)) {
        Some(broken) if is_held(app, name).await? => Err(broken.error()),
        _ => Ok(None),
    }
}

/// Says what is held of some leftovers.
pub async fn held_leftovers(app: &App, leftovers: Vec<Leftover>) -> Result<Vec<HeldLeftover>> {
    let ids: Vec<&TableId> = leftovers.iter().map(|one| &one.id).collect();
    let published = app.store.last_publications(&ids).await?;
    let pipelines: BTreeSet<&str> = ids.iter().map(|id| id.pipeline.as_str()).collect();
    let pipelines: Vec<&str> = pipelines.into_iter().collect();
    let written = app.store.written_tables(&pipelines).await?;
    let tables = tables_of_pipelines(app).await?;
    let own: Vec<Vec<String>> = leftovers
        .iter()
        .map(|one| own_tables(&written, one, &tables))
        .collect();
    let existing = existing(app, own.iter().flatten()).await?;

    Ok(leftovers
        .into_iter()
        .zip(own)
        .map(|(leftover, own)| HeldLeftover {
            published_at: published.get(&leftover.id).copied(),
            trino_names: own
                .into_iter()
                .filter(|table| existing.contains_key(&table.to_lowercase()))
                .collect(),
            leftover,
        })
        .collect())
}

/// The names of all tables that are held or declared.
pub(super) async fn tables_of_pipelines(app: &App) -> Result<BTreeSet<TableId>> {
    let held = app.store.held().await?.into_iter();
    let held = held.filter(|held| held.kind == LeftoverKind::Table);
    let declared = app.pipelines.usable().flat_map(|of| of.tables.values());

    Ok(held
        .map(|held| TableId::new(&held.pipeline, &held.name))
        .chain(declared.map(|table| table.id.clone()))
        .collect())
}

/// The tables and views of Trino whose last statement came from a step of a leftover, and did not drop them.
///
/// The tables that a pipeline shares are none of them. `tables` are all tables that are held or declared: `mart.orders_history`
/// is the step of a table `orders_history` if there is one, else of `orders`.
pub(super) fn own_tables(
    written: &[WrittenTable],
    leftover: &Leftover,
    tables: &BTreeSet<TableId>,
) -> Vec<String> {
    let of_pipeline = || {
        let of_pipeline = written.iter();
        of_pipeline.filter(|table| table.pipeline == leftover.id.pipeline)
    };
    let own: Vec<&WrittenTable> = of_pipeline()
        .filter(|table| !is_landing(table) && !is_rejects(table))
        .filter(|table| is_of(table, leftover, tables))
        .collect();
    // The keys of a source table land in the step of all tables.
    let keys: BTreeSet<String> = own
        .iter()
        .map(|table| format!("{}_{}_keys", table.pipeline, last_part(&table.target)))
        .collect();
    let keys = of_pipeline().filter(|table| {
        leftover.kind == LeftoverKind::Table
            && table.last_step == "extract"
            && keys.contains(last_part(&table.target))
    });

    own.into_iter()
        .filter(|table| !is_gone(table))
        .chain(keys)
        .map(|table| table.target.clone())
        .collect()
}

/// Whether a step writes only tables of a leftover.
fn is_of(
    written: &WrittenTable,
    Leftover { id, kind }: &Leftover,
    tables: &BTreeSet<TableId>,
) -> bool {
    let Some((verb, subject)) = written.last_step.split_once('.') else {
        return false;
    };
    let is_table = |name: &str| tables.contains(&TableId::new(&id.pipeline, name));
    let of_history = subject.strip_suffix("_history");
    match (verb, kind) {
        ("delete", _) | ("model", LeftoverKind::Model) => subject == id.name,
        ("model", LeftoverKind::Table) | (_, LeftoverKind::Model) => false,
        // Both names give this step. The step that made the table tells them apart; without it, the table stays.
        ("mart", LeftoverKind::Table) if is_table(subject) && of_history.is_some_and(is_table) => {
            written.first_step == format!("stage.{}", id.name)
        }
        ("mart", LeftoverKind::Table) if subject != id.name => {
            of_history == Some(&id.name) && !is_table(subject)
        }
        (_, LeftoverKind::Table) => subject == id.name,
    }
}

/// Whether a reset or a deletion dropped the table last.
fn is_gone(table: &WrittenTable) -> bool {
    let verb = table.last_step.split('.').next();

    table.has_succeeded && matches!(verb, Some("delete" | "reset"))
}

/// Whether it is the landing table of its pipeline.
pub(super) fn is_landing(table: &WrittenTable) -> bool {
    table.first_step == "extract"
        && last_part(&table.target) == format!("{}_events", table.pipeline)
}

/// Whether it has the rejects of its pipeline.
pub(super) fn is_rejects(table: &WrittenTable) -> bool {
    !table.last_step.starts_with("model.")
        && last_part(&table.target) == format!("{}_rejects", table.pipeline)
}

fn last_part(table: &str) -> &str {
    table.rsplit('.').next().unwrap_or(table)
}

/// The name of a table in Trino, from its text.
pub fn trino_name(table: &str) -> Option<TableName> {
    let parts: Vec<String> = table.split('.').map(str::to_owned).collect();

    (parts.len() == 3).then_some(TableName(parts))
}

/// Finds out which tables and views exist in the schemas of some tables.
pub(super) async fn existing(
    app: &App,
    tables: impl IntoIterator<Item = &String>,
) -> Result<Existing> {
    let mut schemas: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for table in tables {
        if let Some([catalog, schema, _]) = trino_name(&table.to_lowercase())
            .and_then(|TableName(parts)| <[String; 3]>::try_from(parts).ok())
        {
            schemas.entry(catalog).or_default().insert(schema);
        }
    }
    let mut existing = Existing::new();
    for (catalog, schemas) in schemas {
        let context = json!({
            "tables_of": [catalog, "information_schema", "tables"],
            "schemas": schemas,
        });
        let found = app
            .trino
            .rows("icefront/api", "report/existing.sql", context);
        let found: Vec<ExistingRow> = match found.await {
            // The catalog may be gone, too.
            Err(Error::Trino(failure)) if failure.name.ends_with("_NOT_FOUND") => Vec::new(),
            found => found?,
        };
        existing.extend(found.into_iter().map(|row| {
            let name = format!("{catalog}.{}.{}", row.schema_name, row.table_name);
            (name, row.is_view)
        }));
    }

    Ok(existing)
}

/// Whether a definition declares it, or nobody can say whether one does.
fn may_be_declared(app: &App, held: &Held) -> bool {
    match app.pipelines.get(&held.pipeline) {
        Ok(definition) => match held.kind {
            LeftoverKind::Table => definition.tables.contains_key(&held.name),
            LeftoverKind::Model => definition.models.model(&held.name).is_some(),
        },
        Err(_) => app.pipelines.unclear(&held.pipeline).is_some(),
    }
}

async fn is_held(app: &App, name: &str) -> Result<bool> {
    let held = app.store.held().await?;

    Ok(held
        .iter()
        .any(|held| format!("{}.{}", held.pipeline, held.name) == name))
}
