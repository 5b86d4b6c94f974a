//! The one error of the service: a variant exists where a caller would act differently.

mod cause;
mod class;
mod nearest;
mod problem;
mod trino;

use uuid::Uuid;

pub use cause::{Cause, causes};
pub use class::{Class, TRINO_CLASSES};

pub use nearest::nearest_name;
pub(crate) use nearest::with_nearest;
pub use problem::Problem;
pub use trino::TrinoFailure;

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in words that say what to do; [`Problem`] is how each is told to callers.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A thing that was asked for by name does not exist.
    #[error("there is no {kind} `{name}`{}", after_name(.hint.as_deref()))]
    NotFound {
        /// What was looked for, such as `pipeline`.
        kind: &'static str,
        /// The name that was asked for.
        name: String,
        /// What was probably meant, or what there is instead.
        hint: Option<String>,
        /// The field of the request that names it, as a path such as `select[0]`.
        field: Option<String>,
    },
    /// The request cannot be read: no JSON, a broken parameter.
    #[error("{0}")]
    Malformed(String),
    /// The request can be read but asks for something that cannot be.
    #[error("{detail}")]
    Invalid {
        /// The field at fault, as a path such as `steps[0]`.
        field: String,
        /// What is wrong with it and what is allowed.
        detail: String,
    },
    /// The request body is larger than allowed.
    #[error("the body is larger than `http.body_limit_bytes` allows; send less")]
    BodyTooLarge,
    /// The body is of a type that cannot be read.
    #[error("the body is `{0}`; send `application/json`")]
    UnsupportedMediaType(String),
    /// The path exists but not with this method.
    #[error("this path does not answer `{method}`; see the `Allow` header and `/docs`")]
    MethodNotAllowed {
        /// The method that was used.
        method: String,
    },
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(String),
    /// A `pipeline.yaml` cannot be used.
    #[error("pipeline `{pipeline}` is broken: {detail}")]
    PipelineBroken {
        /// The folder's or the definition's name.
        pipeline: String,
        /// File, line and what was expected.
        detail: String,
    },
    /// The state database does not answer.
    #[error("the state database does not answer; what was accepted is kept, ask again shortly")]
    StateUnavailable(#[source] Cause),
    /// Whoever executes a run has lost it or is about to end; somebody else goes on with it.
    #[error("the run was handed over; whoever takes it up goes on where it was")]
    Interrupted,
    /// The service is about to end.
    #[error("the service is about to end; ask again shortly, or another replica")]
    Stopping,
    /// A run whose service ended again and again before the end of an attempt.
    #[error(
        "the run was begun {attempts} times in a row, and each time its service ended before the attempt did; see what the services logged and how much memory they have, then `POST /v1/runs/{{run_id}}/retry`"
    )]
    GivenUp {
        /// How often in a row.
        attempts: i32,
    },
    /// A key was used before, to ask for something else.
    #[error(
        "the idempotency key `{key}` came with another body before, for run `{run}`; send the same body, or another key for another run"
    )]
    KeyReused {
        key: String,
        /// What it came to.
        run: Uuid,
    },
    /// A run of the pipeline is active, and the caller wants none then.
    #[error(
        "run `{run}` of pipeline `{pipeline}` is active; wait for it, or leave `if_running` out to queue behind it"
    )]
    RunActive {
        pipeline: String,
        /// The run that is active.
        run: Uuid,
    },
    /// More runs wait than the settings allow.
    #[error(
        "{waiting} runs of pipeline `{pipeline}` wait already, as many as `runs.queue_limit` allows; ask again when some have ended, or send `if_running: attach`"
    )]
    QueueFull { pipeline: String, waiting: i64 },
    /// A caller ended the run.
    #[error("the run was cancelled on request; {detail}")]
    Cancelled {
        /// What it had committed by then.
        detail: String,
    },
    /// A source's server does not answer.
    #[error(
        "the server of connection `{connection}` does not answer; check `connections.{connection}` and that it runs; the next run takes up where the last one ended"
    )]
    SourceUnavailable {
        /// The connection's name in the settings.
        connection: String,
        /// What the client said.
        #[source]
        cause: Cause,
    },
    /// A standby ended a read, because its recovery would have had to wait for it.
    #[error(
        "a read of the standby behind connection `{connection}` was cancelled by its recovery, or cut off; set `hot_standby_feedback = on` on it, or raise its `max_standby_streaming_delay` above the time that a read takes, or read from the primary; the next run takes up where the last one ended"
    )]
    SourceConflict {
        /// The connection's name in the settings.
        connection: String,
        /// What the client said.
        #[source]
        cause: Cause,
    },
    /// The store of a folder of files does not answer.
    #[error(
        "the files of `{path}` cannot be read; check that the folder exists and may be listed and read; the next run takes up where the last one ended"
    )]
    FilesUnavailable {
        /// The folder, as the pipeline names it.
        path: String,
        /// What the store said.
        #[source]
        cause: Cause,
    },
    /// A source answers but cannot be read as configured.
    #[error("{detail}")]
    SourceUnreadable {
        /// What is missing or wrong, and what to do.
        detail: String,
    },
    /// Another server or table is behind a source's address than the cursor belongs to.
    #[error("{detail}")]
    SourceReplaced {
        /// What changed, and what to do.
        detail: String,
    },
    /// Trino does not answer.
    #[error(
        "Trino does not answer at `trino.url`; check that it runs; the next run takes up where this one ended"
    )]
    TrinoUnavailable(#[source] Cause),
    /// Trino refused or failed a statement.
    #[error("{0}")]
    Trino(Box<TrinoFailure>),
    /// The catalog does not allow `add_files`.
    #[error(
        "catalog `{catalog}` does not allow `add_files`; set `iceberg.add-files-procedure.enabled=true` in its catalog properties and restart Trino"
    )]
    AddFilesDisabled {
        /// The catalog's name in Trino.
        catalog: String,
    },
    /// The object store cannot be written or read.
    #[error("the landing folder `landing.write_to` cannot be used: {detail}")]
    LandingUnavailable {
        detail: String,
        /// What the store said.
        #[source]
        cause: Cause,
    },
    /// So many events of a batch are rejects that publishing the rest would hide a fault.
    #[error(
        "{rejected} of {read} events of table `{table}` were rejected, more than `max_rejects` allows ({allowed}); nothing was published.{} Table `{rejects}` has every reject. Change what the reasons name, or raise `max_rejects`, and start another run",
        each_reason(reasons)
    )]
    TooManyRejects {
        /// The table's name in the API.
        table: String,
        /// Events read of the table.
        read: u64,
        rejected: u64,
        /// The most that `max_rejects` allows for so many events.
        allowed: u64,
        /// The Iceberg table with the rejects.
        rejects: String,
        /// The most frequent first.
        reasons: Vec<RejectReason>,
    },
    /// A source differs from what its table's contract says, and somebody has to decide.
    #[error("table `{table}` cannot be staged: {detail}")]
    ContractBroken {
        /// The table's name in the API.
        table: String,
        /// What differs, and what to do.
        detail: String,
    },
    /// Declared tests of severity `error` failed; the tables are as they were.
    #[error(
        "tests of table `{table}` failed, so current rows and history stay as they were: {detail}. Mend the data or the tests; the next run takes up from the last published batch"
    )]
    TestFailed {
        /// The table's name in the API.
        table: String,
        /// Which tests, and by how much.
        detail: String,
    },
    /// A declared test cannot be run.
    #[error("test `{test}` of table `{table}` cannot be run: {detail}; nothing was published")]
    TestBroken {
        /// The table's name in the API.
        table: String,
        test: String,
        /// What Trino or we cannot read.
        detail: String,
    },
    /// A table is not what its log says.
    #[error(
        "table `{table}` is not what its log says, {detail}. Did something else write to it? `POST /v1/tables/{table}/rebuild` makes it anew"
    )]
    VerifyFailed {
        /// The table's name in the API.
        table: String,
        detail: String,
    },
    /// The numbers of a batch do not add up; nothing moves until they do.
    #[error("{detail}")]
    Unbalanced { detail: String },
    /// A limit on time was reached.
    #[error("{0}")]
    TimedOut(String),
    /// A fault of ours.
    #[error("an internal fault; the log has the cause")]
    Internal(#[source] Cause),
}

impl Error {
    /// Makes a [`Error::NotFound`] that names the nearest of the names that exist.
    #[must_use]
    pub fn not_found<'a>(
        kind: &'static str,
        name: &str,
        existing: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self::NotFound {
            kind,
            name: name.to_owned(),
            hint: nearest_name(name, existing).map(|near| format!("did you mean `{near}`?")),
            field: None,
        }
    }

    /// Names the field of the request that asks for what is [`Error::NotFound`].
    #[must_use]
    pub fn at_field(mut self, at: String) -> Self {
        if let Self::NotFound { field, .. } = &mut self {
            *field = Some(at);
        }
        self
    }

    /// Makes a fault of ours out of anything that should not have happened.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }
}

/// Rejects of a table with the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectReason {
    /// Such as `future_time`.
    pub reason: String,
    pub count: u64,
    /// What the reason means, and which setting or data to change.
    pub remedy: String,
}

fn each_reason(reasons: &[RejectReason]) -> String {
    let sentence = |of: &RejectReason| format!(" {} `{}`: {}.", of.count, of.reason, of.remedy);

    reasons.iter().map(sentence).collect()
}

fn after_name(hint: Option<&str>) -> String {
    hint.map_or_else(String::new, |hint| format!("; {hint}"))
}
