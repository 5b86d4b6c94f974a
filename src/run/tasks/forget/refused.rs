//! What would keep rows of forgotten keys, so that a run refuses to begin: suspended models, tables of earlier definitions, tags.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::pipeline::{Table, TableId};
use crate::publish::Publisher;
use crate::report;
use crate::run::attempt::Attempt;
use crate::run::steps::models;
use crate::run::tasks::parts::{Owner, parts};
use crate::sql::TableName;
use crate::warehouse;

/// The context of `maintenance/tags.sql`.
#[derive(Serialize)]
struct TagsContext {
    refs: TableName,
}

/// A row of `maintenance/tags.sql`.
#[derive(Deserialize)]
struct TagRow {
    name: String,
}

/// Refuses what would keep rows of the keys: a suspended model, a table of an earlier definition, a tag or a branch.
pub(super) async fn refuse_what_keeps_rows(
    attempt: &Attempt<'_>,
    table: &Table,
    publisher: Publisher<'_>,
) -> Result<()> {
    refuse_suspended(attempt, table, publisher).await?;
    refuse_undeclared(attempt, publisher).await?;
    for part in parts(attempt) {
        if may_have_rows(attempt, table, &part.of) {
            for table in &part.tables {
                refuse_tags(table, publisher).await?;
            }
        }
    }

    Ok(())
}

/// Refuses tables that the pipeline made and that its definition does not name any more, such as those of a renamed table. Nobody knows
/// what they hold.
async fn refuse_undeclared(attempt: &Attempt<'_>, publisher: Publisher<'_>) -> Result<()> {
    let (store, pipeline) = (publisher.store, publisher.pipeline);
    let declared: BTreeSet<String> = attempt
        .names
        .all()
        .iter()
        .map(|name| name.to_string().to_lowercase())
        .collect();
    let written = store.written_tables(&[pipeline]).await?;
    let targets: Vec<String> = written
        .into_iter()
        .map(|table| table.target)
        .filter(|target| !declared.contains(&target.to_lowercase()))
        .collect();
    let taken_over = store.taken_over(pipeline, &targets).await?;
    for target in targets {
        let name = report::trino_name(&target).filter(|_| !taken_over.contains_key(&target));
        if let Some(name) = name
            && warehouse::is_table(publisher, &name).await?
        {
            return Err(Error::Invalid {
                field: "table".into(),
                detail: format!(
                    "`{target}` is a table of an earlier definition of the pipeline, and may have rows of these keys; delete it first, as a leftover (`GET /v1/leftovers`) or in Trino"
                ),
            });
        }
    }

    Ok(())
}

/// Refuses a table with a tag or a branch: its snapshot would stay.
async fn refuse_tags(table: &TableName, publisher: Publisher<'_>) -> Result<()> {
    if !has_table(table, publisher).await? {
        return Ok(());
    }
    let context = TagsContext {
        refs: table.metadata("refs"),
    };
    let tags: Vec<TagRow> = publisher.rows("maintenance/tags.sql", context).await?;
    let Some(TagRow { name }) = tags.into_iter().next() else {
        return Ok(());
    };

    Err(Error::Invalid {
        field: "table".into(),
        detail: format!(
            "`{table}` has the tag or branch `{name}`, which keeps an older snapshot; drop it first"
        ),
    })
}

/// Refuses a suspended model that may have rows of the table: it keeps them.
pub(super) async fn refuse_suspended(
    attempt: &Attempt<'_>,
    table: &Table,
    publisher: Publisher<'_>,
) -> Result<()> {
    for part in parts(attempt) {
        let Owner::Model(name) = &part.of else {
            continue;
        };
        let id = TableId::new(publisher.pipeline, name);
        let is_suspended = publisher.store.model(&id).await?.is_suspended;
        if is_suspended && may_have_rows(attempt, table, &part.of) {
            return Err(Error::ModelSuspended {
                model: id.to_string(),
            });
        }
    }

    Ok(())
}

/// Whether what a part belongs to may have rows of the table.
pub(super) fn may_have_rows(attempt: &Attempt<'_>, table: &Table, owner: &Owner) -> bool {
    let definition = attempt.definition;
    match owner {
        Owner::Pipeline => true,
        Owner::Table(name) => *name == table.id.name,
        Owner::Model(name) => definition
            .models
            .model(name)
            .is_some_and(|model| models::may_read(definition, model, &table.id.name)),
    }
}

/// Whether the pipeline made such a table, and it is there.
pub(super) async fn has_table(table: &TableName, publisher: Publisher<'_>) -> Result<bool> {
    let (store, name) = (publisher.store, table.to_string());
    let is_ours = store.has_written(publisher.pipeline, &name).await?;

    Ok(is_ours && warehouse::exists(publisher, table).await?)
}
