//! Builds the pipeline's tables: extract, then each table's typed log and marts, as far as the run asks for them.

use futures::future::join_all;

use super::{restage, verify};
use crate::error::Class;
use crate::pipeline::Table;
use crate::run::attempt::Attempt;
use crate::run::failure::{StepEnd, first_failure, report_failure};
use crate::run::monitoring;
use crate::run::request::StepKind;
use crate::run::steps::marts::{self, ToPublish};
use crate::run::steps::{extract, models, stage};

pub(super) async fn build(attempt: &Attempt<'_>) -> StepEnd {
    let request = &attempt.request;
    if request.has(StepKind::Extract) {
        let run = attempt.run;
        // If an earlier attempt has extracted, newer rows belong to the next run.
        let has_extracted = attempt.app.store.has_succeeded(run.id, "extract").await;
        if !has_extracted.map_err(|error| report_failure(&error, run, "extract"))? {
            extract::extract(attempt).await?;
        }
    }
    let tables: Vec<&Table> = attempt
        .definition
        .tables
        .values()
        .filter(|table| attempt.selection.tables.contains(&table.id.name))
        .collect();
    let built = tables.iter().map(|table| build_table(attempt, table));
    let mut ends = join_all(built).await;
    if request.has(StepKind::Models) {
        let has_failed = |end: &StepEnd| {
            end.as_ref()
                .is_err_and(|problem| problem.class != Class::Interrupted)
        };
        let failed = tables.iter().zip(&ends).filter(|(_, end)| has_failed(end));
        let failed = failed.map(|(table, _)| table.id.name.clone()).collect();
        ends.extend(Box::pin(models::refresh(attempt, failed)).await);
    }
    first_failure(ends)?;
    if request.has(StepKind::Marts) || request.has(StepKind::Models) {
        Box::pin(monitoring::write(attempt)).await;
    }

    verify::verify_when_due(attempt).await
}

async fn build_table(attempt: &Attempt<'_>, table: &Table) -> StepEnd {
    let request = &attempt.request;
    let staged = if request.full_refresh {
        restage::restage_log(attempt, table).await
    } else if request.has(StepKind::Staging) {
        stage::stage(attempt, table).await
    } else {
        Ok(())
    };
    let end = match staged {
        Ok(()) if request.has(StepKind::Marts) => {
            marts::build(attempt, table, &ToPublish::NewBatches).await
        }
        Err(problem) if request.has(StepKind::Marts) => {
            marts::skip(attempt, table).await;
            Err(problem)
        }
        staged => staged,
    };
    attempt.finished_tables.send_modify(|finished| {
        finished.insert(table.id.name.clone());
    });

    end
}
