//! `icefront changes`: how many rows changed.

use clap::ValueEnum;
use jiff::Timestamp;

use super::{Act, Client, limit};
use crate::answers::Change;
use crate::fault::{Exit, Result};
use crate::names::{self, Data};
use crate::output::{Cell, Listed};
use crate::server::Call;
use crate::times;

#[derive(Debug, clap::Args)]
pub struct Changes {
    /// Only this table or model
    name: Option<String>,
    /// Only tables and models of this pipeline
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Only changes since this time, or this long ago, such as `2h` [default: 7d]
    #[arg(long, value_name = "TIME", value_parser = times::parse_time)]
    since: Option<Timestamp>,
    /// Only changes before this time
    #[arg(long, value_name = "TIME", value_parser = times::parse_time)]
    until: Option<Timestamp>,
    /// The period of each sum
    #[arg(long, value_name = "PERIOD", value_enum, default_value_t = Period::Run)]
    by: Period,
    /// The most lines
    #[arg(long, value_name = "ROWS", default_value_t = 50, value_parser = limit)]
    limit: usize,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Period {
    Run,
    /// Of UTC
    Hour,
    /// Of UTC
    Day,
}

impl Act for Changes {
    async fn act(self, client: &Client) -> Result<Exit> {
        let by = match self.by {
            Period::Run => "run",
            Period::Hour => "hour",
            Period::Day => "day",
        };
        let mut call = Call::get(&["changes"])
            .with("pipeline", self.pipeline)
            .with("since", self.since)
            .with("until", self.until)
            .with("by", Some(by));
        if let Some(name) = &self.name {
            call = match names::data(&client.server, name).await? {
                Data::Table(table) => call.with("table", Some(table)),
                Data::Model(model) => call.with("model", Some(model)),
            };
        }
        client
            .output
            .list::<Change>(&client.server.list(call, self.limit).await?)?;

        Ok(Exit::Succeeded)
    }
}

impl Listed for Change {
    const HEAD: &'static [&'static str] = &[
        "NAME",
        "CHANGED",
        "RUN",
        "INSERTED",
        "UPDATED",
        "DELETED",
        "READ",
        "REJECTED",
        "DUPLICATE",
        "REFRESHES",
    ];

    fn name(&self) -> &str {
        Self::name(self)
    }

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::text(Self::name(self)),
            Cell::maybe(self.period_start_at.or(self.changed_at).map(times::shown)),
            Cell::maybe(self.run_id.as_deref()),
            Cell::number(self.inserted),
            Cell::number(self.updated),
            Cell::number(self.deleted),
            Cell::number(self.read),
            Cell::number(self.rejected),
            Cell::number(self.duplicate),
            Cell::number(self.refreshes),
        ]
    }
}
