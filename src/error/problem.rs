//! What callers see of an error: RFC 9457 problem details, in answers and in failed runs.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::quoted::{cut, cut_quotes};
use super::{Class, Error};

/// A problem of RFC 9457, with further members where they apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({
    "type": "urn:icefront:problem:not-found",
    "title": "The name does not exist",
    "status": 404,
    "detail": "there is no pipeline `shpo`; did you mean `shop`?",
    "retryable": false,
}))]
pub struct Problem {
    /// The kind of the problem; a kind is never renamed.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in a few words.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What happened, where, and what to do.
    pub detail: String,
    /// Whether the same call may succeed later, although nobody changes anything.
    pub retryable: bool,
    /// The wrong field of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The run with the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<Uuid>,
    /// The step with the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The statement's id in Trino.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trino_query_id: Option<String>,
    /// Trino's name for the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trino_error_name: Option<String>,
    /// The line of the statement, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The call that is answered with the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Decides whether the run is tried again.
    #[serde(skip)]
    pub class: Class,
}

/// Status, slug and title of each error: the only list.
#[expect(clippy::too_many_lines, reason = "a line for each error")]
fn answer(error: &Error) -> (u16, &'static str, &'static str) {
    match error {
        Error::NotFound { field: None, .. } => (404, "not-found", "The name does not exist"),
        Error::NotFound { field: Some(_), .. } => (
            422,
            "unknown-name",
            "A parameter or field names something that does not exist",
        ),
        Error::OutcomePending { .. } => (404, "outcome-pending", "The run has not ended"),
        Error::RunUnknown { .. } => (410, "run-unknown", "The run does not exist"),
        Error::Malformed(_) => (400, "malformed-request", "The request cannot be read"),
        Error::Invalid { .. } => (
            422,
            "invalid-request",
            "The request has a value that is not allowed",
        ),
        Error::Unauthenticated { .. } => (401, "unauthenticated", "Nobody knows who calls"),
        Error::Forbidden { .. } => (403, "forbidden", "The caller may not do this"),
        Error::CrossOrigin => (403, "cross-origin", "A page of another origin calls"),
        Error::UnknownHost { .. } => (421, "unknown-host", "The service has another name"),
        Error::TooManyCalls { .. } => (429, "too-many-calls", "There were too many calls"),
        Error::Overloaded => (503, "overloaded", "The service answers too many calls"),
        Error::IssuerUnavailable { .. } => {
            (503, "issuer-unavailable", "The issuer's keys cannot be had")
        }
        Error::BodyTooLarge => (413, "body-too-large", "The body is too large"),
        Error::UnsupportedMediaType(_) => (
            415,
            "unsupported-media-type",
            "The content type is not JSON",
        ),
        Error::MethodNotAllowed { .. } => (
            405,
            "method-not-allowed",
            "The path does not support the method",
        ),
        Error::Settings(_) => (500, "settings", "The settings cannot be used"),
        Error::PipelineBroken { .. } => (409, "pipeline-broken", "The pipeline is broken"),
        Error::StateUnavailable(_) => (
            503,
            "state-unavailable",
            "The state database does not answer",
        ),
        Error::SchemaUnfit(_) => (
            503,
            "schema-unfit",
            "The schema of the state database cannot be used",
        ),
        Error::Interrupted => (503, "interrupted", "The service gave the run back"),
        Error::Stopping => (503, "stopping", "The service is shutting down"),
        Error::GivenUp { .. } => (500, "given-up", "The service ended during every attempt"),
        Error::KeyReused { .. } => (
            422,
            "idempotency-key-reused",
            "The key was used with another body",
        ),
        Error::RunActive { .. } => (409, "run-active", "A run is active"),
        Error::QueueFull { .. } => (429, "queue-full", "Too many runs are queued"),
        Error::Cancelled { .. } => (409, "cancelled", "The run was cancelled"),
        Error::SourceUnavailable { .. } => {
            (503, "source-unavailable", "The source does not answer")
        }
        Error::SourceConflict { .. } => (503, "source-conflict", "The standby cancelled the read"),
        Error::FilesUnavailable { .. } => (503, "files-unavailable", "The files cannot be read"),
        Error::SourceUnreadable { .. } => (424, "source-unreadable", "The source cannot be read"),
        Error::SourceReplaced { .. } => (
            409,
            "source-replaced",
            "The source is another server or table",
        ),
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
        Error::ContractBroken { .. } => (
            424,
            "contract-broken",
            "The source differs from the contract",
        ),
        Error::StillDeclared { .. } => (409, "still-declared", "It is no leftover"),
        Error::ModelSuspended { .. } => (409, "model-suspended", "The model is suspended"),
        Error::ModelBroken { .. } => (424, "model-broken", "The model cannot be refreshed"),
        Error::TestFailed { .. } => (424, "test-failed", "A declared test failed"),
        Error::TestBroken { .. } => (424, "test-broken", "A declared test cannot be run"),
        Error::KeyTooLarge { .. } => (
            424,
            "key-too-large",
            "A key has more events than a statement can take",
        ),
        Error::VerifyFailed { .. } => (
            424,
            "verify-failed",
            "A table or model is not what it should be",
        ),
        Error::Unbalanced { .. } => (500, "unbalanced", "Counts of the same events differ"),
        Error::ChangesGone { .. } => (410, "changes-gone", "The row changes are gone"),
        Error::ConsumerMoved { .. } => (409, "consumer-moved", "Another reader moved the consumer"),
        Error::TimedOut(_) => (504, "timed-out", "The time limit was reached"),
        Error::Internal(_) => (500, "internal", "An internal fault"),
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let (status, slug, title) = answer(error);
        let mut problem = Self {
            kind: format!("{PREFIX}{slug}"),
            title: title.to_owned(),
            status,
            detail: detail(error),
            retryable: error.retryable(),
            field: None,
            run_id: None,
            step: None,
            trino_query_id: None,
            trino_error_name: None,
            line: None,
            request_id: None,
            class: error.class(),
        };
        match error {
            Error::Invalid { field, .. }
            | Error::NotFound {
                field: Some(field), ..
            } => problem.field = Some(cut(field).into_owned()),
            Error::KeyReused { run, .. }
            | Error::RunActive { run, .. }
            | Error::OutcomePending { run }
            | Error::RunUnknown { run } => {
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

/// The message of an error, with long quotes of the request cut.
fn detail(error: &Error) -> String {
    let message = error.to_string();
    match error {
        Error::NotFound { .. }
        | Error::Malformed(_)
        | Error::Invalid { .. }
        | Error::UnknownHost { .. }
        | Error::UnsupportedMediaType(_)
        | Error::MethodNotAllowed { .. }
        | Error::StillDeclared { .. } => cut_quotes(&message),
        _ => message,
    }
}

/// What the type of each problem begins with.
const PREFIX: &str = "urn:icefront:problem:";

impl Problem {
    /// The last part of its type, such as `not-found`.
    #[must_use]
    pub fn slug(&self) -> &str {
        self.kind.strip_prefix(PREFIX).unwrap_or(&self.kind)
    }

    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.slug() == "cancelled"
    }

    #[must_use]
    pub fn within(mut self, run_id: Uuid, step: &str) -> Self {
        self.run_id = Some(run_id);
        self.step = Some(step.to_owned());
        self
    }
}
