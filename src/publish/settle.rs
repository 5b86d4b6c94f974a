//! Statements whose end nobody saw: stopped where Trino still works on them, then looked for in their tables.

use std::time::Duration;

use serde_json::json;

use super::{Committed, Publisher};
use crate::error::{Error, Result};
use crate::sql::{TableName, render};
use crate::state::{StatementEnd, StatementOutcome};

const SETTLE_ATTEMPTS: u32 = 60;
const SETTLE_PAUSE: Duration = Duration::from_millis(500);

impl Publisher<'_> {
    /// Finds out what became of statements on `target` whose end nobody saw: ends those still under way, and
    /// gives what the others committed.
    ///
    /// # Errors
    ///
    /// As [`Publisher::run`]; nothing is written again before this has an answer.
    pub async fn settle(&self, target: &TableName) -> Result<Vec<Committed>> {
        let settled = self.settle_unrecorded(target).await?;
        for committed in &settled {
            self.record(committed).await?;
        }

        Ok(settled)
    }

    /// As [`Publisher::settle`], but leaves it to the caller to record the end of those that committed.
    pub async fn settle_unrecorded(&self, target: &TableName) -> Result<Vec<Committed>> {
        let mut settled = Vec::new();
        let name = target.to_string();
        let opens = self
            .store
            .open_statements(self.pipeline, &name, self.attempt);
        for open in opens.await? {
            self.stop(&open.trino_query_id, open.address.as_deref())
                .await?;
            let committed = match self.committed(target, &open.trino_query_id).await {
                // Of a table that was dropped, or never made, nothing is left.
                Err(Error::Trino(failure)) if failure.name == "TABLE_NOT_FOUND" => None,
                committed => committed?,
            };
            let Some(committed) = committed else {
                let end = StatementEnd::default();
                self.store
                    .statement_done(open.id, StatementOutcome::Superseded, &end)
                    .await?;
                continue;
            };
            let committed = Committed {
                statement: open.id,
                ..committed
            };
            if open.publishes && committed.has_changed {
                settled.push(committed);
            } else {
                // It mended rows or wrote the same ones to other files: no batch is to account for it.
                self.record(&committed).await?;
            }
        }

        Ok(settled)
    }

    /// Waits until Trino no longer works on a statement, after telling it to stop; from then on it can commit nothing.
    pub async fn stop(&self, query_id: &str, address: Option<&str>) -> Result<()> {
        if let Some(address) = address.filter(|address| !address.is_empty()) {
            self.trino.give_up(address).await?;
        }
        let running = render("engine/running.sql", json!({"query_id": query_id}))?;
        for attempt in 0..SETTLE_ATTEMPTS {
            if self.look(&running).await?.is_empty() {
                return Ok(());
            }
            if attempt == 0 {
                let kill = render("engine/kill.sql", json!({"query_id": query_id}))?;
                // It may end by itself before this arrives; what counts is that it is no longer listed.
                let _ = self.look(&kill).await;
            }
            tokio::time::sleep(SETTLE_PAUSE).await;
        }

        Err(Error::TimedOut(format!(
            "statement `{query_id}` of an earlier try is still running in Trino and does not stop; end it there, then run again"
        )))
    }

    /// Ends what earlier attempts of the run still have Trino do, reading or writing, found by the name that each statement carries.
    pub async fn end_earlier_attempts(&self) -> Result<()> {
        let left = json!({
            "run": format!("icefront/{}/%", self.attempt.run),
            "attempt": self.attempt.number,
        });
        for row in self.look(&render("engine/left_running.sql", left)?).await? {
            let kill = render("engine/kill.sql", json!({"query_id": row[0]}))?;
            // It may end by itself before this arrives.
            let _ = self.look(&kill).await;
        }

        Ok(())
    }
}
