//! `icefront leftovers`: what removed tables and models left behind.

use super::run::new_key;
use super::{Act, Client, limit, reset};
use crate::answers::{Leftover, LeftoverPlan};
use crate::fault::{Exit, Result};
use crate::output::{Cell, Listed};
use crate::server::Call;
use crate::waiting::Wait;
use crate::{text, times};

#[derive(Debug, clap::Args)]
pub struct Leftovers {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: ListLeftovers,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List leftovers
    List(ListLeftovers),
    /// Delete a leftover; without `--confirm`, show what that would delete
    Delete(Delete),
}

#[derive(Debug, clap::Args)]
struct ListLeftovers {
    /// Only leftovers of this pipeline
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// The most leftovers
    #[arg(long, value_name = "ROWS", default_value_t = 1_000, value_parser = limit)]
    limit: usize,
}

#[derive(Debug, clap::Args)]
struct Delete {
    /// The leftover, by its full name
    name: String,
    /// Show what would be deleted, and delete nothing
    #[arg(long, conflicts_with = "confirm")]
    dry_run: bool,
    /// The full name once more. Without it, the command only shows what would be deleted
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    #[command(flatten)]
    wait: Wait,
}

impl Act for Leftovers {
    async fn act(self, client: &Client) -> Result<Exit> {
        match self.verb {
            None => self.list.act(client).await,
            Some(Verb::List(list)) => list.act(client).await,
            Some(Verb::Delete(delete)) => delete.act(client).await,
        }
    }
}

impl ListLeftovers {
    async fn act(self, client: &Client) -> Result<Exit> {
        let call = Call::get(&["leftovers"]).with("pipeline", self.pipeline);
        client
            .output
            .list::<Leftover>(&client.server.list(call, self.limit).await?)?;

        Ok(Exit::Succeeded)
    }
}

impl Delete {
    async fn act(self, client: &Client) -> Result<Exit> {
        let call = Call::delete(&["leftovers", &self.name]);
        if let Some(confirm) = &self.confirm {
            let key = new_key();
            let call = call.with("confirm", Some(confirm)).key(&key);
            let started = client.server.call(call).await?;
            return self.wait.tell(client, started).await;
        }
        let key = new_key();
        let call = call.with("dry_run", Some(true)).key(&key);
        let answer = client.server.call(call).await?;
        client.output.one(
            &answer,
            |plan: &LeftoverPlan| plan.name().to_owned(),
            |plan| client.output.lines(&planned(plan)),
        )?;
        if !self.dry_run {
            eprintln!(
                "nothing is deleted yet; to do it, add `--confirm {}`",
                text::one_line(&self.name)
            );
        }

        Ok(Exit::Succeeded)
    }
}

fn planned(plan: &LeftoverPlan) -> Vec<String> {
    let mut lines = vec![text::one_line(plan.name())];
    lines.extend(plan.deletes.iter().map(reset::deleted));
    for kept in &plan.kept {
        lines.push(format!(
            "  keep {}: {}",
            text::one_line(&kept.trino_table),
            text::one_line(&kept.detail)
        ));
    }
    lines.push(format!(
        "  forget {} of the state database",
        text::plural(plan.state_rows, "row", "rows")
    ));
    if !plan.consumers.is_empty() {
        lines.push(format!(
            "  consumers that are deleted: {}",
            text::one_line(&plan.consumers.join(", "))
        ));
    }

    lines
}

impl Listed for Leftover {
    const HEAD: &'static [&'static str] =
        &["LEFTOVER", "KIND", "PIPELINE", "PUBLISHED", "TRINO TABLES"];

    fn name(&self) -> &str {
        &self.name
    }

    fn cells(&self) -> Vec<Cell> {
        let pipeline = if self.pipeline_declared {
            "declared"
        } else {
            "removed"
        };

        vec![
            Cell::text(&self.name),
            Cell::text(&self.kind),
            Cell::text(pipeline),
            Cell::maybe(self.published_at.map(times::shown)),
            Cell::text(self.trino_names.join(", ")),
        ]
    }
}
