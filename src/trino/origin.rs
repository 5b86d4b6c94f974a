//! On whose behalf statements are sent: Trino's lists, event listeners and resource groups see it.

use std::future::Future;

use prusto::client::ClientBuilder;
use uuid::Uuid;

/// The tag of every statement of the service.
const TAG: &str = "icefront";
const INFO: &str = concat!("icefront ", env!("CARGO_PKG_VERSION"));

tokio::task_local! {
    static CURRENT: Origin;
}

/// A run or a call, for which statements are sent.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The id of the run or of the request.
    trace_token: String,
    tags: Vec<String>,
}

impl Origin {
    #[must_use]
    pub fn of_run(pipeline: &str, run: Uuid) -> Self {
        Self {
            trace_token: run.to_string(),
            tags: vec![format!("pipeline:{pipeline}"), format!("run:{run}")],
        }
    }

    #[must_use]
    pub fn of_call(request_id: &str) -> Self {
        Self {
            trace_token: request_id.to_owned(),
            tags: Vec::new(),
        }
    }

    /// Does work, whose statements say that they come from here. Tasks that it spawns do not say so.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }
}

/// Lets the statements of a client say where they come from.
pub(super) fn told(client: ClientBuilder) -> ClientBuilder {
    let client = client.client_info(INFO).client_tag(TAG);
    let Ok(Origin { trace_token, tags }) = CURRENT.try_with(Clone::clone) else {
        return client;
    };

    tags.into_iter()
        .fold(client.trace_token(trace_token), ClientBuilder::client_tag)
}
