//! `icefront sources`: where changes come from.

use super::{Act, Client};
use crate::answers::{Checked, Finding, Source};
use crate::fault::{Exit, Result};
use crate::output::{Cell, Listed};
use crate::server::{Call, read};
use crate::{text, times};

const MOST: usize = 1_000;

#[derive(Debug, clap::Args)]
pub struct Sources {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Check rights and settings of a source: what is right, what is wrong, and what to do. Exits with 1 if something is wrong
    Check(Check),
}

#[derive(Debug, clap::Args)]
struct Check {
    /// The source, which has the name of its pipeline
    source: String,
}

impl Act for Sources {
    async fn act(self, client: &Client) -> Result<Exit> {
        let Some(Verb::Check(Check { source })) = self.verb else {
            client
                .output
                .list::<Source>(&client.server.list(Call::get(&["sources"]), MOST).await?)?;
            return Ok(Exit::Succeeded);
        };
        let answer = client
            .server
            .call(Call::post(&["sources", &source, "check"]))
            .await?;
        let out = client.output;
        let checked: Checked = read(&answer)?;
        let is_wrong = checked
            .findings
            .iter()
            .any(|finding| finding.status == "error");
        let exit = if is_wrong {
            Exit::Failed
        } else {
            Exit::Succeeded
        };

        exit.after(out.one(
            &answer,
            |_: &Checked| source.clone(),
            |checked| {
                out.table(
                    &["CHECK", "STATUS", "DETAIL", "WHAT TO DO"],
                    checked.findings.iter().map(cells).collect(),
                )?;
                let safety = checked
                    .cursor_safety
                    .as_deref()
                    .map(|safety| out.word(safety));
                if let Some(safety) = safety {
                    let why = checked
                        .cursor_safety_detail
                        .as_deref()
                        .map(text::one_line)
                        .unwrap_or_default();
                    out.line(&format!("\nthe cursor is {safety}: {why}"))?;
                }
                Ok(())
            },
        ))
    }
}

fn cells(finding: &Finding) -> Vec<Cell> {
    vec![
        Cell::text(&finding.check),
        Cell::word(&finding.status),
        Cell::text(&finding.detail),
        Cell::text(finding.remedy.as_deref().unwrap_or_default()),
    ]
}

impl Listed for Source {
    const HEAD: &'static [&'static str] = &["SOURCE", "KIND", "FROM", "READ UNTIL", "LAST NEWS"];

    fn name(&self) -> &str {
        &self.name
    }

    fn cells(&self) -> Vec<Cell> {
        let cursor = self.cursor.as_ref();

        vec![
            Cell::text(&self.name),
            Cell::text(&self.kind),
            Cell::maybe(self.connection.as_deref().or(self.path.as_deref())),
            Cell::maybe(
                cursor
                    .and_then(|cursor| cursor.covered_until)
                    .map(times::shown),
            ),
            Cell::maybe(cursor.and_then(|cursor| cursor.moved_at).map(times::shown)),
        ]
    }
}
