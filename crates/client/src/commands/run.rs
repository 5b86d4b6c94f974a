//! `icefront run`: starts a run.

use serde_json::json;

use super::{Act, Client};
use crate::fault::{Exit, Result};
use crate::server::Call;
use crate::waiting::Wait;

#[derive(Debug, clap::Args)]
pub struct Run {
    /// The pipeline
    pipeline: String,
    /// Only these tables and models, such as `orders` or `+daily_revenue`; may be given several times
    #[arg(long, value_name = "WORDS")]
    select: Vec<String>,
    /// Without these tables and models; may be given several times
    #[arg(long, value_name = "WORDS")]
    exclude: Vec<String>,
    /// Only these parts, separated by commas: extract, staging, marts, models
    #[arg(long, value_name = "STEPS", value_delimiter = ',')]
    steps: Vec<String>,
    /// Make the tables again from all landed events, and compute the models in full
    #[arg(long)]
    full_refresh: bool,
    /// Your own name for this run. The same key starts one run only, even if the command is repeated [default: a new one]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A label of the run, such as `team=sales`; may be given several times
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    #[command(flatten)]
    wait: Wait,
}

/// Reads `name=value`.
pub(super) fn pair(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("it is typed as `name=value`")?;

    Ok((name.to_owned(), value.to_owned()))
}

/// A key that nobody else has.
pub(super) fn new_key() -> String {
    format!("icefront-{}", uuid::Uuid::now_v7())
}

impl Act for Run {
    async fn act(self, client: &Client) -> Result<Exit> {
        let labels: std::collections::BTreeMap<String, String> = self.labels.into_iter().collect();
        let body = json!({
            "select": self.select, "exclude": self.exclude, "steps": self.steps, "full_refresh": self.full_refresh, "labels": labels,
        });
        let key = self.key.unwrap_or_else(new_key);
        let call = Call::post(&["pipelines", &self.pipeline, "runs"])
            .body(body)
            .key(&key);
        let started = client.server.call(call).await?;

        self.wait.tell(client, started).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_a_name_and_a_value() {
        assert_eq!(pair("team=a=b"), Ok(("team".into(), "a=b".into())));
        assert!(pair("team").is_err() && pair("=a").is_err());
    }
}
