//! Counts the statements of this service that are in Trino, by whether Trino lets them wait.

use metrics::gauge;

const NAME: &str = "icefront_trino_statements";

/// A statement under way. Dropping this means that it is no more.
#[derive(Debug)]
pub(super) struct Underway {
    state: &'static str,
}

impl Underway {
    pub(super) fn sent() -> Self {
        let sent = Self { state: "queued" };
        gauge!(NAME, "state" => sent.state).increment(1);

        sent
    }

    /// Takes what Trino says of it, such as `RUNNING`.
    pub(super) fn is(&mut self, trino_state: &str) {
        let state = match trino_state {
            "QUEUED" | "WAITING_FOR_RESOURCES" => "queued",
            _ => "running",
        };
        if state != self.state {
            gauge!(NAME, "state" => self.state).decrement(1);
            gauge!(NAME, "state" => state).increment(1);
            self.state = state;
        }
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        gauge!(NAME, "state" => self.state).decrement(1);
    }
}
