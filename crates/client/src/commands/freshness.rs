//! `icefront freshness`: how old tables and models are, and whether that is an error.

use clap::ValueEnum;

use super::{Act, Client};
use crate::answers::Freshness;
use crate::fault::{Exit, Result};
use crate::names::{self, Data};
use crate::output::{Cell, Listed};
use crate::server::{Call, List};
use crate::times;

const MOST: usize = 100_000;

#[derive(Debug, clap::Args)]
pub struct Fresh {
    /// Only this table or model
    name: Option<String>,
    /// Only tables and models of this pipeline
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Exit with 1 if a table or model is at this status, or worse
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
        let list = client.server.list(call, MOST).await?;
        let is_met = |fail_on: FailOn| -> Result<bool> {
            Ok(list
                .read::<Freshness>()?
                .iter()
                .any(|fresh| fail_on.is_met_by(&fresh.status)))
        };

        let exit = if self.fail_on.map(is_met).transpose()? == Some(true) {
            Exit::Failed
        } else {
            Exit::Succeeded
        };

        exit.after(client.output.list::<Freshness>(&list))
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
