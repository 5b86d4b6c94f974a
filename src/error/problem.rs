//! How an error is told to callers: RFC 9457 problem details, in answers and in the body of a failed run.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Class, Error};

/// A problem as RFC 9457 has it, with members of ours where they exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({
    "type": "urn:icefront:problem:not-found",
    "title": "There is no such thing",
    "status": 404,
    "detail": "there is no pipeline `shpo`; did you mean `shop`?",
    "retryable": false,
}))]
pub struct Problem {
    /// The kind of problem; never renamed.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in a few words.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What happened, where, and what to do.
    pub detail: String,
    /// Whether the same call may succeed later without anybody changing anything.
    pub retryable: bool,
    /// The field of the request that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The run that it happened in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<Uuid>,
    /// The step that it happened in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The statement's id in Trino.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trino_query_id: Option<String>,
    /// Trino's name of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trino_error_name: Option<String>,
    /// The line of the statement, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What kind of fault it is, for whoever decides whether to try again.
    #[serde(skip)]
    pub class: Class,
}

/// The one list of answers: status, slug and title of each error.
fn answer(error: &Error) -> (u16, &'static str, &'static str) {
    match error {
        Error::NotFound { .. } => (404, "not-found", "There is no such thing"),
        Error::Malformed(_) => (400, "malformed-request", "The request cannot be read"),
        Error::Invalid { .. } => (
            422,
            "invalid-request",
            "The request asks for what cannot be",
        ),
        Error::BodyTooLarge => (413, "body-too-large", "The body is too large"),
        Error::UnsupportedMediaType(_) => {
            (415, "unsupported-media-type", "The body is of another type")
        }
        Error::MethodNotAllowed { .. } => {
            (405, "method-not-allowed", "The path has no such method")
        }
        Error::Settings(_) => (500, "settings", "The settings cannot be used"),
        Error::PipelineBroken { .. } => (409, "pipeline-broken", "The pipeline is broken"),
        Error::StateUnavailable(_) => (
            503,
            "state-unavailable",
            "The state database does not answer",
        ),
        Error::Interrupted => (503, "interrupted", "The run was handed over"),
        Error::Stopping => (503, "stopping", "The service is about to end"),
        Error::GivenUp { .. } => (500, "given-up", "The run ended its services"),
        Error::KeyReused { .. } => (
            422,
            "idempotency-key-reused",
            "The key was used for something else",
        ),
        Error::RunActive { .. } => (409, "run-active", "A run is active"),
        Error::QueueFull { .. } => (429, "queue-full", "Too many runs wait"),
        Error::Cancelled { .. } => (409, "cancelled", "The run was cancelled"),
        Error::SourceUnavailable { .. } => {
            (503, "source-unavailable", "The source does not answer")
        }
        Error::SourceConflict { .. } => (503, "source-conflict", "The standby ended the read"),
        Error::FilesUnavailable { .. } => (503, "files-unavailable", "The files cannot be reached"),
        Error::SourceUnreadable { .. } => (424, "source-unreadable", "The source cannot be read"),
        Error::SourceReplaced { .. } => (409, "source-replaced", "The source is another one"),
        Error::TrinoUnavailable(_) => (503, "trino-unavailable", "Trino does not answer"),
        Error::Trino(_) => (424, "trino-failed", "Trino failed a statement"),
        Error::AddFilesDisabled { .. } => (
            424,
            "add-files-disabled",
            "The catalog does not allow `add_files`",
        ),
        Error::LandingUnavailable { .. } => (
            503,
            "landing-unavailable",
            "The landing folder cannot be used",
        ),
        Error::TooManyRejects { .. } => (424, "too-many-rejects", "Too many events were rejected"),
        Error::ContractBroken { .. } => (424, "contract-broken", "The source breaks the contract"),
        Error::TestFailed { .. } => (424, "test-failed", "A declared test failed"),
        Error::TestBroken { .. } => (424, "test-broken", "A declared test cannot be run"),
        Error::VerifyFailed { .. } => (424, "verify-failed", "A table is not what its log says"),
        Error::Unbalanced { .. } => (500, "unbalanced", "The numbers do not add up"),
        Error::TimedOut(_) => (504, "timed-out", "It took too long"),
        Error::Internal(_) => (500, "internal", "A fault of ours"),
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let (status, slug, title) = answer(error);
        let mut problem = Self {
            kind: format!("urn:icefront:problem:{slug}"),
            title: title.to_owned(),
            status,
            detail: error.to_string(),
            retryable: error.retryable(),
            field: None,
            run_id: None,
            step: None,
            trino_query_id: None,
            trino_error_name: None,
            line: None,
            class: error.class(),
        };
        match error {
            Error::Invalid { field, .. } => problem.field = Some(field.clone()),
            Error::NotFound { field, .. } => problem.field.clone_from(field),
            Error::KeyReused { run, .. } | Error::RunActive { run, .. } => {
                problem.run_id = Some(*run);
            }
            Error::Trino(failure) => {
                problem.trino_query_id = Some(failure.query_id.clone());
                problem.trino_error_name = Some(failure.name.clone());
                problem.line = failure.line;
            }
            _ => {}
        }

        problem
    }
}

impl Problem {
    /// Says whether a caller ended the run.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.kind.ends_with(":cancelled")
    }

    /// The same problem, with the run and step that it happened in.
    #[must_use]
    pub fn within(mut self, run_id: Uuid, step: &str) -> Self {
        self.run_id = Some(run_id);
        self.step = Some(step.to_owned());
        self
    }
}
