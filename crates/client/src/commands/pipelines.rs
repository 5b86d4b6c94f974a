//! `icefront plan`, `pause`, `resume`: what is asked of a pipeline.

use super::{Act, Client};
use crate::answers::{self, PlannedModel, PlannedStatement, PlannedTable};
use crate::fault::{Exit, Result};
use crate::output::tell;
use crate::server::{Call, read};
use crate::{text, times};

#[derive(Debug, clap::Args)]
pub struct Plan {
    /// The pipeline
    pipeline: String,
    /// Print the statements that would be sent, too
    #[arg(long)]
    sql: bool,
}

#[derive(Debug, clap::Args)]
pub struct Pause {
    /// The pipeline
    pipeline: String,
}

#[derive(Debug, clap::Args)]
pub struct Resume {
    /// The pipeline
    pipeline: String,
}

impl Act for Plan {
    async fn act(self, client: &Client) -> Result<Exit> {
        let answer = client
            .server
            .call(
                Call::get(&["pipelines", &self.pipeline, "plan"])
                    .with("sql", self.sql.then_some("true")),
            )
            .await?;
        let plan: answers::Plan = read(&answer)?;
        let refusals = plan.tables.iter().map(|table| &table.refusal_detail);
        let is_refused = refusals
            .chain(plan.models.iter().map(|model| &model.refusal_detail))
            .any(Option::is_some);
        let exit = if is_refused {
            Exit::Failed
        } else {
            Exit::Succeeded
        };
        if let Some(problem) = &plan.error {
            tell(&format!(
                "the source does not answer, so tables are planned as they were seen last: {}",
                problem.told()
            ));
        }

        exit.after(client.output.one(
            &answer,
            |_: &answers::Plan| self.pipeline.clone(),
            |plan| {
                if let Some(backlog) = plan.backlog {
                    client
                        .output
                        .line(&format!("waiting in the source: {}", text::count(backlog)))?;
                }
                client
                    .output
                    .lines(&planned_statements(plan.source_statements.as_deref()))?;
                for table in &plan.tables {
                    client.output.lines(&planned_table(table))?;
                    client
                        .output
                        .lines(&planned_statements(table.statements.as_deref()))?;
                }
                for model in &plan.models {
                    client.output.lines(&planned_model(model))?;
                    client
                        .output
                        .lines(&planned_statements(model.statements.as_deref()))?;
                }
                Ok(())
            },
        ))
    }
}

fn planned_table(table: &PlannedTable) -> Vec<String> {
    let new = if table.new { "new, " } else { "" };
    let waiting = match table.waiting_batches {
        0 => "nothing waits".to_owned(),
        number => text::plural(number, "batch waits", "batches wait"),
    };
    let mut lines = vec![format!("{}  {new}{waiting}", text::one_line(&table.table))];
    for drift in &table.drift {
        lines.push(format!(
            "  {} {}: {}",
            text::one_line(&drift.column),
            text::one_line(&drift.change),
            text::one_line(&drift.detail)
        ));
    }
    if let Some(build) = &table.build {
        let lasts = build
            .duration_seconds
            .map(|seconds| format!(", about {}", times::duration(seconds)))
            .unwrap_or_default();
        let slices = text::plural(build.slices, "slice", "slices");
        lines.push(format!(
            "  it is built from {} in {slices}{lasts}",
            text::plural(build.events, "event", "events")
        ));
    }
    lines.extend(
        table
            .refusal_detail
            .as_deref()
            .map(|refusal| format!("  refused: {}", text::one_line(refusal))),
    );

    lines
}

fn planned_statements(statements: Option<&[PlannedStatement]>) -> Vec<String> {
    let statements = statements.into_iter().flatten();

    statements.flat_map(planned_statement).collect()
}

fn planned_statement(statement: &PlannedStatement) -> Vec<String> {
    let slices = match statement.slices {
        1 => String::new(),
        slices => format!(", the first of {slices} slices"),
    };
    let step = text::one_line(&statement.step);
    let detail = statement.detail.as_deref();
    let detail = detail.map(|detail| format!("  -- {}", text::one_line(detail)));
    let lines = statement.sql.lines().map(text::clean);

    std::iter::once(format!("  -- {step}{slices}"))
        .chain(detail)
        .chain(lines.map(|line| format!("  {line}")))
        .collect()
}

fn planned_model(model: &PlannedModel) -> Vec<String> {
    let why = model.rebuild_detail.as_deref();
    let what = why.map_or_else(
        || "as its inputs change".to_owned(),
        |why| format!("made anew: {}", text::one_line(why)),
    );
    let mut lines = vec![format!("{}  {what}", text::one_line(&model.model))];
    lines.extend(
        model
            .refusal_detail
            .as_deref()
            .map(|refusal| format!("  refused: {}", text::one_line(refusal))),
    );

    lines
}

impl Act for Pause {
    async fn act(self, client: &Client) -> Result<Exit> {
        change(client, &self.pipeline, "pause").await
    }
}

impl Act for Resume {
    async fn act(self, client: &Client) -> Result<Exit> {
        change(client, &self.pipeline, "resume").await
    }
}

async fn change(client: &Client, pipeline: &str, verb: &str) -> Result<Exit> {
    let answer = client
        .server
        .call(Call::post(&["pipelines", pipeline, verb]))
        .await?;
    client.output.one(
        &answer,
        |of: &answers::Pipeline| of.name.clone(),
        |of| {
            let name = text::one_line(&of.name);
            let next = match (of.paused, of.next_run_at, of.schedule.as_deref()) {
                (true, ..) => "is paused: only calls start its runs".to_owned(),
                (false, Some(next), _) => format!(
                    "is not paused; its next run starts at {}",
                    times::shown(next)
                ),
                (false, None, _) if of.poll_seconds.is_some() => {
                    "is not paused; a run starts when there is something new".to_owned()
                }
                (false, None, _) => {
                    "is not paused; it has no schedule, so calls start its runs".to_owned()
                }
            };
            client.output.line(&format!("{name} {next}"))
        },
    )?;

    Ok(Exit::Succeeded)
}
