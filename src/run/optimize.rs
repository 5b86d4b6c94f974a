//! The step `optimize`: tables that many commits left as many files are written as few, after everything else of the run.

use std::sync::PoisonError;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Map, json};

use super::attempt::Attempt;
use crate::error::Error;
use crate::publish::Files;
use crate::sql::{TableName, render};

/// Beyond that a rewrite is long, and wants to be planned.
const MOST_BYTES: i64 = 4 << 30;
const LONGEST: Duration = Duration::from_mins(10);

/// Has crowded tables written anew. What the run published is published, whatever becomes of this: a fault is the step's alone, and the
/// next run that writes to the table tries again. Says whether nothing is left under way.
pub(super) async fn optimize(attempt: &Attempt<'_>) -> bool {
    let crowded: Vec<TableName> = {
        let files = attempt.files.lock().unwrap_or_else(PoisonError::into_inner);
        let crowded = files.iter().filter(|(_, files)| is_crowded(**files));
        crowded.map(|(table, _)| table.clone()).collect()
    };
    if crowded.is_empty() || !attempt.app.config.runs.optimize {
        return true;
    }
    let optimized = attempt.step("optimize", async |publisher| {
        let each = crowded.iter().map(async |table| {
            let sql = render("marts/optimize.sql", json!({"table": table}))?;
            publisher.run(table, &sql).await
        });
        let all = tokio::time::timeout(LONGEST, join_all(each)).await;
        let late = |_| Error::TimedOut("tables were not written as few files in time".into());
        for optimized in all.map_err(late)? {
            optimized?;
        }
        let tables = crowded.iter().map(ToString::to_string).collect::<Vec<_>>();
        Ok(Map::from_iter([(
            "optimized".to_owned(),
            tables.len().into(),
        )]))
    });

    optimized.await.is_ok()
}

/// Whether a table has so many files that it is cheaper to write it as few now than to go on.
///
/// With a rewrite that costs `b + c · MiB`, and reads that cost `a` for each file, the sum over many commits is least where a table
/// is written anew whenever its files reach `√(2 · (b + c · MiB) · files of a commit ÷ a)`. The numbers are those of tables of 1 to
/// 50 MiB on two cores.
fn is_crowded(Files { count, bytes }: Files) -> bool {
    bytes <= MOST_BYTES && count * count > 200 + 50 * (bytes >> 20)
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
