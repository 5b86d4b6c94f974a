//! Has the events delivered.

use std::collections::BTreeMap;
use std::time::Duration;

use super::sender::Sender;
use crate::app::App;
use crate::error::causes;
use crate::outbox::{self, Kind};

/// An event that has arrived is of no more use here.
const KIND: Kind = Kind {
    settings: "lineage",
    kept_for: Duration::from_hours(1),
};

/// Delivers events until the service is about to end, then waits for the tries under way.
pub async fn work(app: App) {
    let app = app.for_work();
    if !app.config.lineage.is_on() {
        let none = BTreeMap::<String, Sender>::new();
        return outbox::deliver(app, KIND, none).await;
    }
    match Sender::new(app.clone()) {
        Ok(sender) => {
            let only = BTreeMap::from([(KIND.settings.to_owned(), sender)]);
            outbox::deliver(app, KIND, only).await;
        }
        Err(error) => {
            let cause = causes(&error);
            tracing::error!(%error, cause, "the lineage server cannot be told anything");
        }
    }
}
