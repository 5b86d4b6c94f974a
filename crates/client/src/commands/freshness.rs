//! `icefront freshness`: how old tables and models are, and whether that is an error.

use clap::ValueEnum;

use super::{Act, Client};
use crate::answers::Freshness;
use crate::fault::{Exit, Result};
use crate::names::{self, Data};
use crate::output::{Cell, Listed};
use crate::server::{Call, List};
use crate::{text, times};

const MOST: usize = 100_000;

#[derive(Debug, clap::Args)]
pub struct Fresh {
    /// Only this table or model
    name: Option<String>,
    /// Only tables and models of this pipeline
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Exit with 1 if a table or model is at this status, or worse; with `-o name`, print only those. A table gets its limits by
    /// `freshness: {warn_after: 10m, error_after: 1h}` in `pipeline.yaml`, a model by `target_lag`
    #[arg(long, value_name = "STATUS", value_enum)]
    fail_on: Option<FailOn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Warn,
    Error,
}

impl FailOn {
    fn is_met_by(self, status: &str) -> bool {
        match self {
            Self::Warn => matches!(status, "warn" | "error"),
            Self::Error => status == "error",
        }
    }
}

impl Act for Fresh {
    async fn act(self, client: &Client) -> Result<Exit> {
        let mut call = Call::get(&["freshness"]).with("pipeline", self.pipeline);
        if let Some(name) = &self.name {
            call = match names::data(&client.server, name).await? {
                Data::Table(table) => call.with("table", Some(table)),
                Data::Model(model) => call.with("model", Some(model)),
            };
        }
        let mut list = client.server.list(call, MOST).await?;
        let Some(fail_on) = self.fail_on else {
            client.output.list::<Freshness>(&list)?;
            return Ok(Exit::Succeeded);
        };
        let all = list.read::<Freshness>()?;
        let mut are_met = all.iter().map(|fresh| fail_on.is_met_by(&fresh.status));
        let exit = if are_met.clone().any(|is_met| is_met) {
            Exit::Failed
        } else {
            Exit::Succeeded
        };
        warn_of_no_limits(&all);
        if client.output.is_of_names() {
            list.rows.retain(|_| are_met.next() == Some(true));
        }

        exit.after(client.output.list::<Freshness>(&list))
    }
}

/// What has no limit never fails, and nobody may have meant that.
fn warn_of_no_limits(all: &[Freshness]) {
    let without: Vec<&str> = all
        .iter()
        .filter(|fresh| !fresh.has_limit())
        .map(Freshness::name)
        .collect();
    if let Some(first) = without.first() {
        eprintln!(
            "warning: {} of {} have no limit, such as `{}`, so they are never too old; `icefront freshness --help` says how to set one",
            without.len(),
            all.len(),
            text::one_line(first)
        );
    }
}

/// The freshness of the tables and models of a pipeline, or of all.
pub(super) async fn all(client: &Client, pipeline: Option<&str>) -> Result<List> {
    let call = Call::get(&["freshness"]).with("pipeline", pipeline);

    client.server.list(call, MOST).await
}

/// How bad a status is.
pub(super) fn rank(status: &str) -> u8 {
    match status {
        "pass" => 0,
        "unknown" => 1,
        "warn" => 2,
        _ => 3,
    }
}

impl Listed for Freshness {
    const HEAD: &'static [&'static str] = &[
        "NAME",
        "STATUS",
        "LAG",
        "COMPLETE UNTIL",
        "REASON",
        "DETAIL",
    ];

    fn name(&self) -> &str {
        Self::name(self)
    }

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::text(Self::name(self)),
            Cell::word(&self.status),
            Cell::maybe(self.lag_seconds.map(times::duration)),
            Cell::maybe(self.covered_until.map(times::shown)),
            Cell::maybe(self.lag_reason.as_deref()),
            Cell::text(self.lag_detail.as_deref().unwrap_or_default()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_is_bad_enough_fails() {
        let met = |fail_on: FailOn| {
            ["pass", "unknown", "warn", "error"].map(|status| fail_on.is_met_by(status))
        };

        assert_eq!(met(FailOn::Warn), [false, false, true, true]);
        assert_eq!(met(FailOn::Error), [false, false, false, true]);
    }
}
