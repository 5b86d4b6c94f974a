//! The step `optimize`: rewrites tables that many commits left as many files. It comes after all other steps of a run.

use std::sync::PoisonError;
use std::time::Duration;

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::{Error, Result};
use crate::publish::{Files, Publisher};
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::step;
use crate::sql::{TableName, render};

/// Of a larger table, only small files are rewritten: large ones with a few deleted rows would take long.
const LARGE_BYTES: i64 = 4 << 30;
/// The most files of a large table that one run rewrites.
const MOST_FILES: usize = 500;
const TIME_LIMIT: Duration = Duration::from_mins(10);

/// The context of `marts/small_files.sql`.
#[derive(Serialize)]
struct SmallFilesContext {
    files: TableName,
    limit: usize,
}

/// A row of `marts/small_files.sql`.
#[derive(Deserialize)]
struct SmallFileRow {
    path: String,
    bytes: i64,
}

/// Rewrites crowded tables. True if no statement is left under way.
///
/// The run has published everything by now, so a fault here fails only this step. The next run that writes to the table
/// retries it.
pub(in crate::run) async fn optimize(attempt: &Attempt<'_>) -> bool {
    let crowded: Vec<(TableName, Files)> = {
        let files = attempt.files.lock().unwrap_or_else(PoisonError::into_inner);
        let crowded = files.iter().filter(|(_, files)| is_crowded(**files));
        crowded
            .map(|(table, files)| (table.clone(), *files))
            .collect()
    };
    if crowded.is_empty() || !attempt.app.config.runs.optimize {
        return true;
    }
    let end = step::run(attempt, "optimize", async |publisher| {
        let each = crowded
            .iter()
            .map(|(table, files)| optimize_table(publisher, table, *files));
        let all = tokio::time::timeout(TIME_LIMIT, join_all(each)).await;
        let late = |_| {
            let minutes = TIME_LIMIT.as_secs() / 60;
            Error::TimedOut(format!(
                "tables with many files were not rewritten within {minutes} minutes; the next run rewrites them"
            ))
        };
        let mut tables = 0;
        for is_optimized in all.map_err(late)? {
            tables += i64::from(is_optimized?);
        }
        Ok(Counts::from([("optimized", tables)]))
    })
    .await;

    end.is_ok()
}

/// Rewrites a table, or some small files of a large one. False if those are too few.
async fn optimize_table(publisher: Publisher<'_>, table: &TableName, files: Files) -> Result<bool> {
    let mut paths = Vec::new();
    if files.bytes > LARGE_BYTES {
        let small = small_files(publisher, table).await?;
        let all = Files {
            count: i64::try_from(small.len()).map_err(Error::internal)?,
            bytes: small.iter().map(|file| file.bytes).sum(),
        };
        if !is_crowded(all) {
            return Ok(false);
        }
        paths.extend(small.into_iter().map(|file| file.path));
    }
    let optimize = render(
        "marts/optimize.sql",
        json!({"table": table, "paths": paths}),
    )?;
    publisher.run(table, &optimize).await?;

    Ok(true)
}

async fn small_files(publisher: Publisher<'_>, table: &TableName) -> Result<Vec<SmallFileRow>> {
    let context = SmallFilesContext {
        files: table.metadata("files"),
        limit: MOST_FILES,
    };

    publisher.rows("marts/small_files.sql", context).await
}

/// Whether rewriting files now is cheaper than reading its many files again and again.
///
/// A rewrite costs `b + c · MiB`, a read costs `a` for each file. The sum over many commits is lowest if files are
/// rewritten when they reach `√(2 · (b + c · MiB) · files of a commit ÷ a)`. The constants were measured on tables
/// of 1 to 50 MiB with two cores.
fn is_crowded(Files { count, bytes }: Files) -> bool {
    count * count > 200 + 50 * (bytes >> 20)
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
    }
}
