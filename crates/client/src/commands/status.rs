//! `icefront status`: all pipelines on one screen.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Act, Client, freshness};
use crate::answers::{Freshness, Pipeline, Run, Table, pipeline_of};
use crate::fault::{Exit, Result};
use crate::output::{Cell, Listed};
use crate::server::{Call, List, read};
use crate::{text, times};

const MOST_PIPELINES: usize = 1_000;
const MOST_TABLES: usize = 100_000;

#[derive(Debug, clap::Args)]
pub struct Status {
    /// Only this pipeline
    pipeline: Option<String>,
}

/// What is known of a pipeline.
#[derive(Debug, serde::Deserialize)]
struct Known {
    pipeline: Pipeline,
    last_run: Option<Run>,
    /// Those of tables and models that do not pass.
    stale: Vec<Freshness>,
    status: String,
    rejects: i64,
}

impl Act for Status {
    async fn act(self, client: &Client) -> Result<Exit> {
        let server = &client.server;
        let mut pipelines = match &self.pipeline {
            None => {
                server
                    .list(Call::get(&["pipelines"]), MOST_PIPELINES)
                    .await?
            }
            Some(name) => List {
                rows: vec![server.call(Call::get(&["pipelines", name])).await?],
                next: Value::Null,
            },
        };
        let fresh = freshness::all(client, self.pipeline.as_deref()).await?;
        let tables: Vec<Table> = server
            .list(
                Call::get(&["tables"]).with("pipeline", self.pipeline.as_deref()),
                MOST_TABLES,
            )
            .await?
            .read()?;
        for row in &mut pipelines.rows {
            let pipeline: Pipeline = read(row)?;
            let last = Call::get(&["runs"]).with("pipeline", Some(&pipeline.name));
            // A pipeline that is broken has no runs that the API would list.
            let last = if pipeline.usable {
                server.list(last, 1).await?.rows.pop()
            } else {
                None
            };
            *row = known(row, &pipeline, last.as_ref(), &fresh, &tables)?;
        }
        client.output.list::<Known>(&pipelines)?;
        if client.output.is_for_people() {
            for known in pipelines.read::<Known>()? {
                client.output.lines(&remarks(&known))?;
            }
        }

        Ok(Exit::Succeeded)
    }
}

fn known(
    row: &Value,
    pipeline: &Pipeline,
    last: Option<&Value>,
    fresh: &List,
    tables: &[Table],
) -> Result<Value> {
    let mut stale = Vec::new();
    let mut worst = String::from("pass");
    for row in &fresh.rows {
        let of: Freshness = read(row)?;
        if of.pipeline() != pipeline.name {
            continue;
        }
        if of.status != "pass" {
            stale.push(row.clone());
        }
        if freshness::rank(&of.status) > freshness::rank(&worst) {
            worst = of.status;
        }
    }
    let own = tables
        .iter()
        .filter(|table| pipeline_of(&table.name) == pipeline.name);
    let rejects: i64 = own.map(|table| table.rejects).sum();

    Ok(
        json!({"pipeline": row, "last_run": last, "status": worst, "stale": stale, "rejects": rejects}),
    )
}

impl Listed for Known {
    const HEAD: &'static [&'static str] = &[
        "PIPELINE",
        "STATE",
        "LAST RUN",
        "ENDED",
        "NEXT RUN",
        "FRESHNESS",
        "REJECTS",
    ];

    fn name(&self) -> &str {
        &self.pipeline.name
    }

    fn cells(&self) -> Vec<Cell> {
        let pipeline = &self.pipeline;
        let now = Timestamp::now();
        let state = match (pipeline.usable, pipeline.paused) {
            (false, _) => "broken",
            (true, true) => "paused",
            (true, false) => "usable",
        };
        let last = self.last_run.as_ref();
        let next = match (pipeline.next_run_at, pipeline.poll_seconds) {
            (Some(next), _) => Some(times::age(next, now)),
            (None, Some(_)) if !pipeline.paused => Some("polls".to_owned()),
            (None, _) => None,
        };

        vec![
            Cell::text(&pipeline.name),
            Cell::word(state),
            last.map_or_else(|| Cell::text("-"), |run| Cell::word(&run.state)),
            Cell::maybe(
                last.and_then(|run| run.finished_at)
                    .map(|time| times::age(time, now)),
            ),
            Cell::maybe(next),
            Cell::word(&self.status),
            Cell::number(Some(self.rejects)),
        ]
    }
}

/// What needs the reader's attention.
fn remarks(known: &Known) -> Vec<String> {
    let name = text::one_line(&known.pipeline.name);
    let mut remarks = Vec::new();
    let fault = known.pipeline.error.as_ref();
    if let Some(fault) = fault.map(crate::answers::Problem::told) {
        remarks.push(if known.pipeline.usable {
            format!("{name} works by its last good definition: {fault}")
        } else {
            format!("{name} is broken: {fault}")
        });
    }
    if let Some((run, problem)) = known
        .last_run
        .as_ref()
        .and_then(|run| Some((run, run.error.as_ref()?)))
    {
        remarks.push(format!(
            "{name}: the last run {}: {}",
            text::one_line(&run.state),
            problem.told()
        ));
    }
    if known.last_run.is_none() && known.pipeline.usable {
        remarks.push(format!(
            "{name} never ran; start it by `icefront run {name}`"
        ));
    }
    // Before the first run, nothing else can be said of its tables.
    for fresh in known.stale.iter().filter(|_| known.last_run.is_some()) {
        let lag = fresh.lag_seconds.map_or_else(
            || "never published".to_owned(),
            |lag| format!("lags {}", times::duration(lag)),
        );
        let why = [fresh.lag_reason.as_deref(), fresh.lag_detail.as_deref()];
        let why: Vec<String> = why.into_iter().flatten().map(text::one_line).collect();
        remarks.push(format!(
            "{}: {}, {lag}: {}",
            text::one_line(fresh.name()),
            text::one_line(&fresh.status),
            why.join(", ")
        ));
    }
    if known.rejects > 0 {
        let rejects = text::plural(known.rejects, "reject waits", "rejects wait");
        remarks.push(format!(
            "{name}: {rejects}; see `icefront rejects --pipeline {name}`"
        ));
    }
    if !remarks.is_empty() {
        remarks.insert(0, String::new());
    }

    remarks
}
