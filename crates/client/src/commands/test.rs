//! `icefront test`: runs the tests of a table over all its rows.

use super::run::new_key;
use super::{Act, Client};
use crate::answers::{Run, TestResult};
use crate::fault::{Exit, Result};
use crate::names;
use crate::output::{Cell, Listed};
use crate::server::{Call, List, read};
use crate::waiting::Wait;

/// The most tests of a run that are asked for.
const MOST: usize = 10_000;

#[derive(Debug, clap::Args)]
pub struct Test {
    /// The table
    table: String,
    #[command(flatten)]
    wait: Wait,
}

impl Act for Test {
    async fn act(self, client: &Client) -> Result<Exit> {
        let table = names::table(&client.server, &self.table).await?.name;
        let key = new_key();
        let call = Call::post(&["tables", &table, "test"]).key(&key);
        let started = client.server.call(call).await?;
        let Run { id, .. } = read(&started)?;
        let exit = self.wait.tell(client, started).await?;
        let has_ended = matches!(exit, Exit::Succeeded | Exit::Failed);
        if !(self.wait.is_wanted() && has_ended && client.output.is_for_people()) {
            return Ok(exit);
        }
        let results = results(client, &id).await?;

        exit.after(client.output.list::<TestResult>(&results))
    }
}

/// The results of the tests of a run.
pub(super) async fn results(client: &Client, run: &str) -> Result<List> {
    let call = Call::get(&["runs", run, "tests"]);

    client.server.list(call, MOST).await
}

impl Listed for TestResult {
    const HEAD: &'static [&'static str] = &["OF", "TEST", "STATUS", "FAILURES", "ALLOWED", "ROWS"];

    fn name(&self) -> &str {
        &self.name
    }

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::text(self.of()),
            Cell::text(&self.name),
            Cell::word(&self.status),
            Cell::number(Some(self.failures)),
            Cell::number(Some(self.threshold)),
            Cell::number(Some(self.rows)),
        ]
    }
}
