//! `icefront reset`: begins a table anew from its source.

use serde_json::json;

use super::run::new_key;
use super::{Act, Client};
use crate::answers::{ResetDelete, ResetPlan};
use crate::fault::{Exit, Fault, Result};
use crate::server::Call;
use crate::waiting::Wait;
use crate::{names, text};

#[derive(Debug, clap::Args)]
pub struct Reset {
    /// The table
    table: String,
    /// The table's full name once more. Without it, the command only shows what would be deleted
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    #[command(flatten)]
    wait: Wait,
}

impl Act for Reset {
    async fn act(self, client: &Client) -> Result<Exit> {
        let table = names::table(&client.server, &self.table).await?.name;
        let path = ["tables", table.as_str(), "reset"];
        if let Some(confirm) = &self.confirm {
            if *confirm != table {
                return Err(Fault::Usage(format!(
                    "`--confirm` is `{confirm}`, not the table's full name; without `--confirm` the command shows what would be deleted, then add `--confirm {table}`"
                )));
            }
            let key = new_key();
            let call = Call::post(&path).body(json!({"confirm": confirm}));
            let started = client.server.call(call.key(&key)).await?;
            return self.wait.tell(client, started).await;
        }
        let call = Call::post(&path).with("dry_run", Some(true));
        let answer = client.server.call(call).await?;
        client.output.one(
            &answer,
            |plan: &ResetPlan| plan.table.clone(),
            |plan| client.output.lines(&planned(plan)),
        )?;
        eprintln!(
            "nothing is deleted yet; to do it, add `--confirm {}`",
            text::one_line(&table)
        );

        Ok(Exit::Succeeded)
    }
}

fn planned(plan: &ResetPlan) -> Vec<String> {
    let mut lines = vec![text::one_line(&plan.table)];
    lines.extend(plan.deletes.iter().map(deleted));
    lines.push(format!("  read: {}", text::one_line(&plan.read_detail)));
    lines.push(format!("  lost: {}", text::one_line(&plan.lost_detail)));
    for (what, names) in [
        ("models computed in full", &plan.models),
        ("consumers that read all rows again", &plan.consumers),
    ] {
        if !names.is_empty() {
            lines.push(format!("  {what}: {}", text::one_line(&names.join(", "))));
        }
    }

    lines
}

/// The line of a table that loses rows.
pub(super) fn deleted(delete: &ResetDelete) -> String {
    let rows = delete.rows.map_or_else(String::new, |rows| {
        format!(", {}", text::plural(rows, "row", "rows"))
    });

    format!(
        "  {} {}{rows}",
        text::one_line(&delete.action),
        text::one_line(&delete.trino_table)
    )
}
