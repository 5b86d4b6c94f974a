//! `icefront tables`: the tracked tables.

use super::{Act, Client, limit};
use crate::answers::Table;
use crate::fault::{Exit, Result};
use crate::output::{Cell, Listed};
use crate::server::Call;

#[derive(Debug, clap::Args)]
pub struct Tables {
    /// Only tables of this pipeline
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// The most tables
    #[arg(long, value_name = "ROWS", default_value_t = 1_000, value_parser = limit)]
    limit: usize,
}

impl Act for Tables {
    async fn act(self, client: &Client) -> Result<Exit> {
        let call = Call::get(&["tables"]).with("pipeline", self.pipeline);
        client
            .output
            .list::<Table>(&client.server.list(call, self.limit).await?)?;

        Ok(Exit::Succeeded)
    }
}

impl Listed for Table {
    const HEAD: &'static [&'static str] = &["TABLE", "FROM", "KEY", "REJECTS", "DRIFT"];

    fn name(&self) -> &str {
        &self.name
    }

    fn cells(&self) -> Vec<Cell> {
        let drift: Vec<String> = self
            .drift
            .iter()
            .map(|drift| format!("{} {}", drift.column, drift.change))
            .collect();

        vec![
            Cell::text(&self.name),
            Cell::maybe(self.from.as_deref()),
            Cell::text(self.key.join(", ")),
            Cell::number(Some(self.rejects)),
            Cell::text(drift.join(", ")),
        ]
    }
}
