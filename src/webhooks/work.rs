//! Has the messages of webhooks delivered, and looks at freshness.

use std::collections::BTreeMap;
use std::time::Duration;

use super::freshness;
use super::sender::Sender;
use crate::app::{App, Background};
use crate::error::{Result, causes};
use crate::outbox::{self, Kind};

const KIND: Kind = Kind {
    settings: "webhooks",
    kept_for: Duration::from_hours(30 * 24),
};

/// Delivers messages until the service is about to end, then waits for the tries under way.
pub async fn work(app: App) {
    let app = app.for_work();
    warn_of_unknown_names(&app);
    let mut helpers = Background::default();
    if app.subscriptions.has_freshness() {
        let of = app.clone();
        helpers.spawn("watch freshness", move || freshness::watch(of.clone()));
    }
    match senders(&app) {
        Ok(senders) => outbox::deliver(app, KIND, senders).await,
        Err(error) => {
            let cause = causes(&error);
            tracing::error!(%error, cause, "webhooks cannot be told anything");
        }
    }
}

fn senders(app: &App) -> Result<BTreeMap<String, Sender>> {
    let webhooks = app.config.webhooks.iter();
    let senders = webhooks.map(|(name, webhook)| {
        let sender = Sender::new(name, webhook)?;
        Ok((format!("{}.{name}", KIND.settings), sender))
    });

    senders.collect()
}

/// A name in a filter that is no pipeline, table or model may be misspelt, or belong to a broken pipeline.
fn warn_of_unknown_names(app: &App) {
    let pipelines = &app.pipelines;
    for (webhook, settings) in &app.config.webhooks {
        let is_unknown = |name: &&String| pipelines.get(name).is_err();
        let unknown = settings.pipelines.iter().filter(is_unknown);
        let is_unknown =
            |name: &&String| pipelines.table(name).is_err() && pipelines.model(name).is_err();
        let unknown = unknown.chain(settings.tables.iter().filter(is_unknown));
        for name in unknown {
            tracing::warn!(
                webhook,
                name,
                "the webhook filters by a name that this service does not know"
            );
        }
    }
}
