//! Delete: everything that is held of a table or model is deleted, because no definition declares it any more.

use serde_json::json;

use crate::app::App;
use crate::error::{Error, Result};
use crate::landing::{self, Landing};
use crate::pipeline::{Names, TableId};
use crate::publish::Publisher;
use crate::report::{Holdings, Leftover, WrittenTables, find_leftover};
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::StepEnd;
use crate::run::step;
use crate::source;
use crate::sql::{TableName, render};
use crate::state::{EndedDeletion, LeftoverKind};
use crate::warehouse;

/// The step `delete.<table>`. It knows nothing of an earlier attempt: it deletes what is still there.
pub(super) async fn delete(attempt: &Attempt<'_>, name: &str, kind: LeftoverKind) -> StepEnd {
    let id = TableId::new(&attempt.run.pipeline, name);

    step::run(attempt, &format!("delete.{name}"), async |publisher| {
        // Under the lease: it may be declared again, or deleted already. What is declared now counts, not when the run began.
        let app = attempt.app.at_present();
        let found = find_leftover(&app, &id.to_string()).await?;
        match found.filter(|found| found.kind == kind) {
            Some(leftover) => delete_leftover(&app, &leftover, publisher).await,
            None => Ok(Counts::default()),
        }
    })
    .await
}

async fn delete_leftover(
    app: &App,
    leftover: &Leftover,
    publisher: Publisher<'_>,
) -> Result<Counts> {
    let written = WrittenTables::find(app, leftover).await?;
    // What is lost may still commit, and then make a table again or show whose it is.
    for table in written.names() {
        publisher.resolve(&table).await?;
    }
    finish_open_batches(app, leftover, &written, publisher).await?;
    let holdings = Holdings::find(app, leftover, &written).await?;
    begin(app, leftover, &holdings).await?;
    for view in &holdings.views {
        warehouse::drop_view(publisher, view).await?;
    }
    for table in &holdings.tables {
        landing::drop_table(publisher, table).await?;
    }
    let mut rows = Vec::new();
    for table in &holdings.shared {
        rows.push((table, delete_rows(&holdings, table, publisher).await?));
    }
    app.store
        .end_deletion(&EndedDeletion {
            id: &leftover.id,
            kind: leftover.kind,
            source: holdings.source.as_ref(),
            is_last: holdings.is_last,
        })
        .await?;

    counts(&holdings, &rows)
}

/// Lands the open batches: the cursor of one that lands later would not know of the deletion.
async fn finish_open_batches(
    app: &App,
    leftover: &Leftover,
    written: &WrittenTables,
    publisher: Publisher<'_>,
) -> Result<()> {
    let definition = app.pipelines.get(&leftover.id.pipeline).ok();
    let declared = definition.map(|definition| Names::new(definition, &app.config).landing());
    let Some(table) = declared.or_else(|| written.last_landing()) else {
        return Ok(());
    };
    if !warehouse::exists(publisher, &table).await? {
        return landing::abandon_open(&app.folder, &app.store, &leftover.id.pipeline).await;
    }
    let landing = Landing {
        folder: &app.folder,
        table: &table,
        publisher,
    };

    landing::sweep(landing, &app.store).await
}

/// Notes that the leftover counts as never seen: from here on, whoever declares it again begins anew.
async fn begin(app: &App, leftover: &Leftover, holdings: &Holdings) -> Result<()> {
    let id = &leftover.id;
    if leftover.kind == LeftoverKind::Model {
        return app.store.begin_model_deletion(id).await;
    }
    let mut cursor = app.store.cursor(&id.pipeline).await?;
    if let Some(cursor) = &mut cursor {
        source::forget_table(&mut cursor.position, &id.name, holdings.source.as_ref())?;
    }

    app.store.begin_reset(id, cursor.as_ref()).await
}

/// Deletes the events of the leftover's source table, and gives their number.
async fn delete_rows(
    holdings: &Holdings,
    shared: &TableName,
    publisher: Publisher<'_>,
) -> Result<i64> {
    let context = json!({"table": shared, "from": holdings.source});
    let delete = render("landing/forget.sql", context)?;
    let deleted = publisher.merge(shared, &delete).await?;

    Ok(deleted.rows.unwrap_or_default())
}

fn counts(holdings: &Holdings, rows: &[(&TableName, i64)]) -> Result<Counts> {
    let count = |number: usize| i64::try_from(number).map_err(Error::internal);
    let mut counts = Counts::from([
        (
            "tables_dropped",
            count(holdings.tables.len() + holdings.views.len())?,
        ),
        ("tables_kept", count(holdings.kept.len())?),
    ]);
    for (table, deleted) in rows {
        let is_of_rejects = table
            .0
            .last()
            .is_some_and(|name| name.ends_with("_rejects"));
        let name = if is_of_rejects {
            "rejects_deleted"
        } else {
            "landed_deleted"
        };
        counts.set(name, *deleted);
    }

    Ok(counts)
}
