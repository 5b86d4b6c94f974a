//! The step `optimize`: rewrites tables that many commits left as many files. It comes after all other steps of a run.

use std::sync::PoisonError;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use crate::error::Error;
use crate::publish::Files;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::step;
use crate::sql::{TableName, render};

/// A larger table takes long to rewrite, so its owner has to plan that.
const MAX_BYTES: i64 = 4 << 30;
const TIME_LIMIT: Duration = Duration::from_mins(10);

/// Rewrites crowded tables. True if no statement is left under way.
///
/// The run has published everything by now, so a fault here fails only this step. The next run that writes to the table
/// retries it.
pub(in crate::run) async fn optimize(attempt: &Attempt<'_>) -> bool {
    let crowded: Vec<TableName> = {
        let files = attempt.files.lock().unwrap_or_else(PoisonError::into_inner);
        let crowded = files.iter().filter(|(_, files)| is_crowded(**files));
        crowded.map(|(table, _)| table.clone()).collect()
    };
    if crowded.is_empty() || !attempt.app.config.runs.optimize {
        return true;
    }
    let end = step::run(attempt, "optimize", async |publisher| {
        let each = crowded.iter().map(async |table| {
            let sql = render("marts/optimize.sql", json!({"table": table}))?;
            publisher.run(table, &sql).await
        });
        let all = tokio::time::timeout(TIME_LIMIT, join_all(each)).await;
        let late = |_| {
            let minutes = TIME_LIMIT.as_secs() / 60;
            Error::TimedOut(format!(
                "tables with many files were not rewritten within {minutes} minutes; the next run rewrites them"
            ))
        };
        for optimized in all.map_err(late)? {
            optimized?;
        }
        let tables = i64::try_from(crowded.len()).map_err(Error::internal)?;
        Ok(Counts::from([("optimized", tables)]))
    })
    .await;

    end.is_ok()
}

/// Whether rewriting a table now is cheaper than reading its many files again and again.
///
/// A rewrite costs `b + c · MiB`, a read costs `a` for each file. The sum over many commits is lowest if a table is
/// rewritten when its files reach `√(2 · (b + c · MiB) · files of a commit ÷ a)`. The constants were measured on tables
/// of 1 to 50 MiB with two cores.
fn is_crowded(Files { count, bytes }: Files) -> bool {
    bytes <= MAX_BYTES && count * count > 200 + 50 * (bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_a_table_the_more_files_it_may_have() {
        for (mib, most) in [(0, 14), (1, 15), (64, 58), (1024, 226)] {
            let files = |count| Files {
                count,
                bytes: mib << 20,
            };
            assert!(!is_crowded(files(most)), "{mib} MiB");
            assert!(is_crowded(files(most + 1)), "{mib} MiB");
        }
        let huge = Files {
            count: 100_000,
            bytes: 5 << 30,
        };
        assert!(!is_crowded(huge));
    }
}
