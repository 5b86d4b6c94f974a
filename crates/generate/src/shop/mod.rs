//! `icefront generate`: writers that insert, update and delete a shop's customers and orders in Postgres.
//!
//! A [`transaction::TransactionPlan`] is drawn before it is sent, so that it can be retried if it lost against another
//! writer's. A [`write::Write`] is one prepared statement and its rows.

mod budget;
mod bulk;
mod database;
mod ids;
mod rows;
mod summary;
mod transaction;
mod write;
mod write_kind;
mod writer;

use std::sync::Mutex;
use std::time::Duration;

use futures::future::try_join_all;
use secrecy::SecretString;
use tokio::time::Instant;

pub use summary::{EventCounts, ShopSummary};

use crate::error::GenerateError;
use crate::name::Identifier;
use crate::progress;
use crate::random::Random;
use crate::weights::Weights;
use crate::{command_line, parse_duration};
use budget::EventBudget;
use database::Session;
use ids::ShopIds;
use write::WriteOutcome;

/// How many events are written without `--rows` and `--duration`.
const EVENTS: u64 = 10_000;

/// Fill a Postgres database with a shop's customers and orders, and change them, with every change logged by triggers.
///
/// Makes the tables, the log and the triggers where they are missing, and goes on with the rows that are there.
#[derive(Debug, Clone, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct GenerateShop {
    /// The database, as in `postgres://user:password@localhost/shop`.
    #[arg(long, env = "ICEFRONT_GENERATE_URL", hide_env_values = true)]
    pub url: SecretString,

    /// The schema of the tables and their log; made if it is missing.
    #[arg(long, value_name = "NAME", default_value = "public")]
    pub schema: Identifier,

    /// Make the log without the column of transaction ids, as logs were before there was such a type.
    #[arg(long)]
    pub no_xid: bool,

    /// How many events to commit; with --duration, whichever ends first [default: 10000, without --duration].
    #[arg(long, value_name = "EVENTS")]
    pub rows: Option<u64>,

    /// How long to write, as in `30s` or `5m`.
    #[arg(long, value_parser = parse_duration)]
    pub duration: Option<Duration>,

    /// How many events to write in a second, at most [default: as many as go].
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,

    /// The shares of inserts, updates and deletes.
    #[arg(long, default_value_t = Weights::DEFAULT)]
    pub weights: Weights,

    /// How many transactions to have open at once. With one, a seed decides everything but `updated_at`.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,

    /// The start of the random numbers: on the same rows, the same seed makes the same changes.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Mix in numbers at the edge of their type, and texts that are odd or very long.
    #[arg(long)]
    pub extremes: bool,

    /// Write statements of ten thousand rows, one after the other: millions of events soon, without contention or roll-backs.
    #[arg(long)]
    pub bulk: bool,

    /// Show no progress.
    #[arg(long)]
    pub quiet: bool,
}

impl GenerateShop {
    /// Gives the defaults of the command line for a database, and shows no progress.
    #[must_use]
    pub fn quietly(url: &str) -> Self {
        command_line(["--quiet", "--url", url])
    }

    /// Commits exactly `rows` events, unless a connection is lost or `duration` ends first. What was committed before an error stays.
    pub async fn run(self) -> Result<ShopSummary, GenerateError> {
        let no_end = self.duration.is_none();
        let events = self.rows.or_else(|| no_end.then_some(EVENTS));
        let mut client = database::connect(&self.url).await?;
        let ids = database::prepare(&mut client, &self.schema, !self.no_xid).await?;
        drop(client);

        let work = Work {
            seed: self.seed ^ ids.age().rotate_right(32),
            ids,
            budget: EventBudget::new(events, self.duration, self.rate),
            start: Instant::now(),
            summary: Mutex::new(ShopSummary::default()),
            arguments: self,
        };
        let writers = async {
            if work.arguments.bulk {
                return bulk::write(&work).await;
            }
            let numbers = 0..u64::from(work.arguments.concurrency.max(1));
            try_join_all(numbers.map(|number| writer::write(&work, number))).await?;
            Ok(())
        };
        if work.arguments.quiet {
            writers.await?;
        } else {
            progress::show(&work.summary, events, writers).await?;
        }

        Ok(work.summary())
    }
}

/// What all writers share.
struct Work {
    arguments: GenerateShop,
    /// Differs after every insert, so that the same `--seed` does not write the same rows again.
    seed: u64,
    ids: ShopIds,
    budget: EventBudget,
    start: Instant,
    summary: Mutex<ShopSummary>,
}

impl Work {
    async fn session(&self) -> Result<Session, GenerateError> {
        Session::open(&self.arguments.url, &self.arguments.schema).await
    }

    fn random(&self, writer: u64) -> Random {
        Random::new(self.seed ^ writer.rotate_right(16), self.arguments.extremes)
    }

    /// Counts what was committed of the events that were taken from the budget, and gives the weights of the next writes.
    fn committed(&self, taken: u64, outcome: &WriteOutcome) -> Weights {
        let written = outcome.events.total();
        self.budget.give_back(taken - written);
        self.ids.saw(outcome);
        let mut summary = progress::locked(&self.summary);
        summary.committed += outcome.events;
        summary.seconds = self.start.elapsed().as_secs_f64();
        if written == 0 {
            // There may be no row to update or delete; inserts make some.
            Weights::INSERTS
        } else {
            self.arguments.weights
        }
    }

    fn summary(&self) -> ShopSummary {
        ShopSummary {
            seconds: self.start.elapsed().as_secs_f64(),
            ..*progress::locked(&self.summary)
        }
    }
}
