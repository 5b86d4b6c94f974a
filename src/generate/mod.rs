//! `icefront generate`: a shop whose every change is logged, and files of its shipments, for demo, tests and benchmarks; and
//! `icefront audit-trigger`, its trigger for other tables.
//!
//! It knows Postgres and folders alone: neither the service nor Trino. Writers decide beforehand what a transaction does (`plan`) and do it
//! again when it lost against another. A `change` is one prepared statement and the rows it writes; nothing is sent as SQL text.

mod audit_trigger;
mod budget;
mod bulk;
mod change;
mod customers;
mod database;
mod error;
mod files;
mod name;
mod orders;
mod plan;
mod progress;
mod shown;
mod words;
mod workload;
mod writer;

use std::time::Duration;

use futures::future::try_join_all;
use jiff::SignedDuration;
use secrecy::SecretString;
use tokio_postgres::{Client, Statement};

pub use audit_trigger::{AuditTrigger, audit_trigger};
pub use error::GenerateError;
pub use files::{Choice, Compression, FilesSummary, Format, GenerateFiles, write_files};
pub use name::{Identifier, NameError, QualifiedName};
pub use progress::Summary;
pub use workload::Weights;

use budget::Budget;
use change::Shop;
use progress::Progress;

/// How many events are written where neither `--rows` nor `--duration` says it.
const ROWS: u64 = 10_000;

/// Fill a Postgres database with a shop's customers and orders, and change them, with every change logged by triggers.
///
/// Makes the tables, the log and the triggers where they are missing, and goes on with the rows that are there.
#[derive(Debug, Clone, clap::Args)]
pub struct Generate {
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
    #[arg(long, value_parser = duration)]
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

    /// Write statements of ten thousand rows, one after the other: millions of events soon, without contention or roll-backs.
    #[arg(long)]
    pub bulk: bool,

    /// Show no progress.
    #[arg(long)]
    pub quiet: bool,
}

/// What all writers of a run share.
struct Work {
    url: SecretString,
    schema: Identifier,
    weights: Weights,
    seed: u64,
    shop: Shop,
    budget: Budget,
    progress: Progress,
}

impl Generate {
    /// Gives the defaults of the command line for a database, and shows no progress.
    #[must_use]
    pub fn quietly(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            schema: Identifier::known("public"),
            no_xid: false,
            rows: None,
            duration: None,
            rate: None,
            weights: Weights::DEFAULT,
            concurrency: 4,
            seed: 1,
            bulk: false,
            quiet: true,
        }
    }
}

impl Work {
    async fn connect(&self) -> Result<(Client, Vec<Statement>), GenerateError> {
        let client = database::connect(&self.url).await?;
        let statements = database::statements(&client, &self.schema)
            .await
            .map_err(GenerateError::Write)?;
        Ok((client, statements))
    }
}

/// Writes what was asked for, and gives what it committed: without lost connections, exactly `rows` events.
///
/// # Errors
/// Any [`GenerateError`]; what was committed until then stays.
pub async fn run(args: Generate) -> Result<Summary, GenerateError> {
    let events = args
        .rows
        .or_else(|| args.duration.is_none().then_some(ROWS));
    let mut client = database::connect(&args.url).await?;
    let shop = database::prepare(&mut client, &args.schema, !args.no_xid).await?;
    drop(client);

    let work = Work {
        url: args.url,
        schema: args.schema,
        weights: args.weights,
        seed: args.seed ^ shop.age().rotate_right(32),
        shop,
        budget: Budget::new(events, args.duration, args.rate),
        progress: Progress::start(),
    };
    let writers = async {
        if args.bulk {
            return bulk::write(&work).await;
        }
        try_join_all(
            (0..u64::from(args.concurrency.max(1))).map(|number| writer::write(&work, number)),
        )
        .await?;
        Ok(())
    };
    if args.quiet {
        writers.await?;
    } else {
        shown::during("events", events, || work.progress.told(), writers).await?;
    }
    Ok(work.progress.summary())
}

/// Reads a duration that is not negative.
fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| "a duration is typed as `30s`, `5m` or `1h`".to_owned())
}
