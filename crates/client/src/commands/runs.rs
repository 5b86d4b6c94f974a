//! `icefront runs`: lists runs, and looks at or steers one.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::run::pair;
use super::{Act, Client, limit, test};
use crate::answers::{Run, SentSql, Step, StepEvent, TestResult};
use crate::fault::{Exit, Result};
use crate::names;
use crate::output::{Cell, Listed};
use crate::progress::{self, line};
use crate::server::{Call, List, read};
use crate::waiting::{Wait, watch};
use crate::{text, times};

/// The most steps of a run, and statements of a step, that are asked for.
const MOST: usize = 10_000;

#[derive(Debug, clap::Args)]
pub struct Runs {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Only runs of this pipeline
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Only runs in these states, separated by commas: queued, running, succeeded, failed, cancelled
    #[arg(long, value_name = "STATES")]
    state: Option<String>,
    /// Only runs that these started, separated by commas: api, poll, schedule, `target_lag`
    #[arg(long, value_name = "TRIGGERS")]
    trigger: Option<String>,
    /// Only runs with this label, such as `team=sales`; may be given several times
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// Only runs that were accepted at this time or later, or at most this long ago, such as `2h`
    #[arg(long, value_name = "TIME", value_parser = times::parse_time)]
    since: Option<Timestamp>,
    /// The most runs
    #[arg(long, value_name = "ROWS", default_value_t = 20, value_parser = limit)]
    limit: usize,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show a run: its state, its counts and its problem
    Show(OneRun),
    /// List the steps of a run
    Steps(OneRun),
    /// List the results of the tests of a run
    Tests(OneRun),
    /// Print what happened in a run, step by step
    Logs(Logs),
    /// Cancel a run
    Cancel(OneRun),
    /// Continue a run that failed or was cancelled, from the first step that is not done
    Retry(Retry),
    /// Print the SQL that a run sent to Trino
    Sql(Sql),
}

#[derive(Debug, clap::Args)]
struct OneRun {
    /// The run's id, `latest`, or `latest:PIPELINE`
    #[arg(value_name = "RUN")]
    run: String,
}

#[derive(Debug, clap::Args)]
struct Logs {
    #[command(flatten)]
    one: OneRun,
    /// Follow the run until it ends. The exit code tells how it ended
    #[arg(short, long)]
    follow: bool,
}

#[derive(Debug, clap::Args)]
struct Retry {
    #[command(flatten)]
    one: OneRun,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, clap::Args)]
struct Sql {
    #[command(flatten)]
    one: OneRun,
    /// Only this step, such as `mart.orders`
    step: Option<String>,
}

impl Act for Runs {
    async fn act(self, client: &Client) -> Result<Exit> {
        match self.verb {
            None => {
                let mut call = Call::get(&["runs"])
                    .with("pipeline", self.pipeline)
                    .with("state", self.state)
                    .with("trigger", self.trigger)
                    .with("since", self.since);
                for (name, value) in self.labels {
                    call = call.with(&format!("label.{name}"), Some(value));
                }
                client
                    .output
                    .list::<Run>(&client.server.list(call, self.limit).await?)?;
            }
            Some(Verb::Show(one)) => show(client, &one.id(client).await?).await?,
            Some(Verb::Steps(one)) => {
                let id = one.id(client).await?;
                client.output.list::<Step>(
                    &client
                        .server
                        .list(Call::get(&["runs", &id, "steps"]), MOST)
                        .await?,
                )?;
            }
            Some(Verb::Tests(one)) => {
                let results = test::results(client, &one.id(client).await?).await?;
                client.output.list::<TestResult>(&results)?;
            }
            Some(Verb::Logs(logs)) => return logs.act(client).await,
            Some(Verb::Cancel(one)) => {
                let id = one.id(client).await?;
                let run = client
                    .server
                    .call(Call::post(&["runs", &id, "cancel"]))
                    .await?;
                client.output.one(
                    &run,
                    |run: &Run| run.id.clone(),
                    |run| {
                        let told = if run.terminal {
                            ""
                        } else {
                            "; it is being cancelled"
                        };
                        client.output.line(&format!(
                            "{} {}{told}",
                            text::one_line(&run.id),
                            client.output.word(&run.state)
                        ))
                    },
                )?;
            }
            Some(Verb::Retry(retry)) => {
                let id = retry.one.id(client).await?;
                let run = client
                    .server
                    .call(Call::post(&["runs", &id, "retry"]))
                    .await?;
                return retry.wait.tell(client, run).await;
            }
            Some(Verb::Sql(sql)) => sql.act(client).await?,
        }

        Ok(Exit::Succeeded)
    }
}

impl OneRun {
    async fn id(&self, client: &Client) -> Result<String> {
        names::run_id(&client.server, &self.run).await
    }
}

impl Listed for Run {
    const HEAD: &'static [&'static str] = &[
        "RUN", "PIPELINE", "KIND", "STATE", "TRIGGER", "CREATED", "DURATION", "PROBLEM",
    ];

    fn name(&self) -> &str {
        &self.id
    }

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::text(&self.id),
            Cell::text(&self.pipeline),
            Cell::maybe(self.kind.as_deref()),
            Cell::word(&self.state),
            Cell::maybe(self.trigger.as_deref()),
            Cell::maybe(
                self.created_at
                    .map(|time| times::age(time, Timestamp::now())),
            ),
            Cell::maybe(self.duration_seconds.map(times::duration)),
            Cell::text(self.error.as_ref().map_or("", |problem| problem.slug())),
        ]
    }
}

impl Listed for Step {
    const HEAD: &'static [&'static str] = &["STEP", "STATE", "ATTEMPT", "DURATION", "COUNTS"];

    fn name(&self) -> &str {
        &self.name
    }

    fn cells(&self) -> Vec<Cell> {
        let told = match &self.error {
            Some(problem) => problem.slug().to_owned(),
            None => progress::counts(&self.counts),
        };

        vec![
            Cell::text(&self.name),
            Cell::word(&self.state),
            Cell::number(self.attempt),
            Cell::maybe(self.duration_seconds.map(times::duration)),
            Cell::text(told),
        ]
    }
}

async fn show(client: &Client, id: &str) -> Result<()> {
    let run = client.server.call(Call::get(&["runs", id])).await?;
    let out = client.output;

    out.one(
        &run,
        |run: &Run| run.id.clone(),
        |run| {
            let labels: Vec<String> = run
                .labels
                .iter()
                .map(|(name, value)| text::one_line(&format!("{name}={value}")))
                .collect();
            let counts = progress::counts(&run.counts);
            let some = |text: String| (!text.is_empty()).then_some(text);
            out.pairs(&[
                ("run", Some(text::one_line(&run.id))),
                ("pipeline", Some(text::one_line(&run.pipeline))),
                ("kind", run.kind.as_deref().map(text::one_line)),
                ("state", Some(out.word(&run.state))),
                ("trigger", run.trigger.as_deref().map(text::one_line)),
                ("attempt", run.attempt.map(text::count)),
                ("created", run.created_at.map(times::shown)),
                ("started", run.started_at.map(times::shown)),
                ("finished", run.finished_at.map(times::shown)),
                ("duration", run.duration_seconds.map(times::duration)),
                ("labels", some(labels.join(", "))),
                ("counts", some(counts)),
                (
                    "problem",
                    run.error
                        .as_ref()
                        .map(|problem| text::one_line(problem.slug())),
                ),
                (
                    "detail",
                    run.error.as_ref().map(crate::answers::Problem::told),
                ),
            ])
        },
    )
}

impl Logs {
    async fn act(self, client: &Client) -> Result<Exit> {
        let id = self.one.id(client).await?;
        if self.follow {
            let run: Run = read(&client.server.call(Call::get(&["runs", &id])).await?)?;
            return watch(client, &run).await;
        }
        let list = client
            .server
            .list(Call::get(&["runs", &id, "steps"]), MOST)
            .await?;
        if !client.output.is_for_people() {
            client.output.list::<Step>(&list)?;
            return Ok(Exit::Succeeded);
        }
        for step in list.read::<Step>()? {
            let began = step.started_at;
            let at = began.map(times::shown).unwrap_or_default();
            let ended = StepEvent {
                step: step.name,
                state: step.state,
                counts: step.counts,
                error: step.error.clone(),
                occurred_at: step.finished_at,
            };
            client
                .output
                .line(&format!("{at}  {}", line(client.output, &ended, began)))?;
            if let Some(problem) = &step.error {
                client.output.line(&format!("  {}", problem.told()))?;
            }
        }

        Ok(Exit::Succeeded)
    }
}

impl Sql {
    async fn act(self, client: &Client) -> Result<()> {
        let id = self.one.id(client).await?;
        let steps = if let Some(step) = self.step {
            vec![step]
        } else {
            let steps: Vec<Step> = client
                .server
                .list(Call::get(&["runs", &id, "steps"]), MOST)
                .await?
                .read()?;
            steps.into_iter().map(|step| step.name).collect()
        };
        let mut all = List {
            rows: Vec::new(),
            next: Value::Null,
        };
        for step in steps {
            let mut list = client
                .server
                .list(Call::get(&["runs", &id, "steps", &step, "sql"]), MOST)
                .await?;
            if client.output.is_for_people() {
                for sent in list.read::<SentSql>()? {
                    client.output.line(&statement(&step, &sent))?;
                }
            }
            for row in &mut list.rows {
                row["step"] = json!(step);
            }
            all.rows.append(&mut list.rows);
        }
        if client.output.is_for_people() {
            if all.rows.is_empty() {
                eprintln!("the run sent no SQL that writes");
            }
            return Ok(());
        }

        client.output.list::<SentSql>(&all)
    }
}

/// A statement with a comment that says where it belongs, to be read and run.
pub(super) fn statement(step: &str, sent: &SentSql) -> String {
    let about = [
        Some(step),
        sent.trino_table.as_deref(),
        sent.trino_query_id.as_deref(),
    ];
    let about: Vec<String> = about.into_iter().flatten().map(text::one_line).collect();

    format!(
        "-- {}\n{};\n",
        about.join("  "),
        text::clean(sent.sql.trim_end())
    )
}

impl Listed for SentSql {
    const HEAD: &'static [&'static str] = &["QUERY", "TABLE", "SQL"];

    fn name(&self) -> &str {
        self.trino_query_id.as_deref().unwrap_or("-")
    }

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::maybe(self.trino_query_id.as_deref()),
            Cell::maybe(self.trino_table.as_deref()),
            Cell::text(&self.sql),
        ]
    }
}
