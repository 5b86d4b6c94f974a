//! The one error of the service: a variant exists where a caller would act differently.

mod cause;
mod class;
mod examples;
mod nearest;
mod problem;
mod quoted;
mod trino;

use uuid::Uuid;

pub use cause::{Cause, causes};
pub use class::{Class, TRINO_CLASSES};
pub use examples::examples;

pub(crate) use icefront_project::did_you_mean;
pub use icefront_project::nearest_name;
pub(crate) use nearest::with_nearest;
pub use problem::Problem;
pub(crate) use quoted::cut;
pub use trino::TrinoFailure;

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong and what to do about it. [`Problem`] is what callers see of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request names something that does not exist.
    #[error("there is no {kind} `{name}`{}", after_name(.hint.as_deref()))]
    NotFound {
        /// Such as `pipeline`.
        kind: &'static str,
        name: String,
        /// The nearest right name, or what exists instead.
        hint: Option<String>,
        /// The field of the request with the name, as a path such as `select[0]`.
        field: Option<String>,
    },
    /// The request cannot be parsed: the body is no JSON, or a parameter is broken.
    #[error("{0}")]
    Malformed(String),
    /// The request can be parsed, but one of its values is not allowed.
    #[error("{detail}")]
    Invalid {
        /// The field at fault, as a path such as `steps[0]`.
        field: String,
        /// What is wrong, and what is allowed.
        detail: String,
    },
    #[error("run `{run}` has not ended; ask again, or wait by `GET /v1/runs/{run}?wait=55s`")]
    OutcomePending { run: Uuid },
    /// No sensor must take a run that does not exist for one that is active.
    #[error("there is no run `{run}`")]
    RunUnknown { run: Uuid },
    /// Nobody knows who calls.
    #[error("{detail}")]
    Unauthenticated {
        /// What is missing or wrong, and what to send.
        detail: String,
    },
    /// The caller is known, and may not do this.
    #[error(
        "this call needs the role `{role}` {}, and your credentials do not give it; ask whoever gives out keys or groups for it",
        on_pipeline(pipeline.as_deref())
    )]
    Forbidden {
        role: &'static str,
        /// `None` if it belongs to no pipeline.
        pipeline: Option<String>,
    },
    /// A web page of another origin calls.
    #[error(
        "a page of another origin may not call; add its origin to `http.cors_origins` if it should"
    )]
    CrossOrigin,
    #[error(
        "the service is not known as `{host}`; call it by another name, or add this one to `http.hosts`"
    )]
    UnknownHost { host: String },
    #[error("{detail}; try again in {retry_after} s")]
    TooManyCalls {
        /// What there were too many of.
        detail: &'static str,
        /// In seconds.
        retry_after: u64,
    },
    /// The service answers as many calls as it can.
    #[error("the service answers too many calls at once; try again in a second")]
    Overloaded,
    #[error(
        "the keys of issuer `{issuer}` cannot be had, so its tokens cannot be checked; try again shortly"
    )]
    IssuerUnavailable {
        /// Its name in the settings.
        issuer: String,
        #[source]
        cause: Cause,
    },
    #[error("the body is larger than `http.body_limit_bytes` allows; send a smaller one")]
    BodyTooLarge,
    #[error("the content type of the body is `{0}`; send `application/json`")]
    UnsupportedMediaType(String),
    #[error(
        "this path does not support `{method}`; the `Allow` header lists the methods that it supports"
    )]
    MethodNotAllowed { method: String },
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
    #[error("the state database does not answer; accepted runs are not lost; ask again shortly")]
    StateUnavailable(#[source] Cause),
    /// The schema of the state database is not up to date, another program made it, or the service has no right on it.
    #[error("{0}")]
    SchemaUnfit(String),
    /// The service lost the lease of the run's pipeline, or shuts down; another attempt continues the run.
    #[error(
        "the service gave the run back to the queue; its next attempt continues with the first step that is not done"
    )]
    Interrupted,
    #[error("the service is shutting down; ask again shortly, or ask another replica")]
    Stopping,
    /// The service ended during each of the last attempts.
    #[error(
        "the service ended during each of the last {attempts} attempts of the run; check the logs and the memory of the services, then call `POST /v1/runs/{{run_id}}/retry`"
    )]
    GivenUp { attempts: i32 },
    #[error(
        "the idempotency key `{key}` was used with another body before, for run `{run}`; send the same body, or choose another key"
    )]
    KeyReused {
        key: String,
        /// The run that the key started.
        run: Uuid,
    },
    /// A run of the pipeline is active, and the caller sent `if_running: reject`.
    #[error(
        "run `{run}` of pipeline `{pipeline}` is active; wait for it or cancel it, or leave out `if_running` to queue behind it"
    )]
    RunActive { pipeline: String, run: Uuid },
    #[error(
        "{waiting} runs of pipeline `{pipeline}` are queued, and `runs.queue_limit` allows no more; ask again when some have ended, or send `if_running: attach`"
    )]
    QueueFull { pipeline: String, waiting: i64 },
    #[error("a caller cancelled the run; {detail}")]
    Cancelled {
        /// What the run had committed by then.
        detail: String,
    },
    #[error(
        "the server of connection `{connection}` does not answer; check the settings `connections.{connection}`, and that the server runs; the next run continues where the last one ended"
    )]
    SourceUnavailable {
        /// The connection's name in the settings.
        connection: String,
        /// What the client said.
        #[source]
        cause: Cause,
    },
    /// A standby cancelled a read that conflicted with its recovery.
    #[error(
        "the standby behind connection `{connection}` cancelled the read, because it conflicted with recovery, or closed the connection; set `hot_standby_feedback = on` on the standby, or raise its `max_standby_streaming_delay` above the duration of a read, or read from the primary; the next run continues where the last one ended"
    )]
    SourceConflict {
        /// The connection's name in the settings.
        connection: String,
        /// What the client said.
        #[source]
        cause: Cause,
    },
    #[error(
        "the files of `{path}` cannot be read; check that the folder exists, and that the service may list and read it; the next run continues where the last one ended"
    )]
    FilesUnavailable {
        /// The folder, as the pipeline names it.
        path: String,
        /// What the store said.
        #[source]
        cause: Cause,
    },
    /// The source answers, but cannot be read as configured.
    #[error("{detail}")]
    SourceUnreadable {
        /// What is missing or wrong, and what to do.
        detail: String,
    },
    /// The source's address leads to another server or table than the one that the cursor belongs to.
    #[error("{detail}")]
    SourceReplaced {
        /// What changed, and what to do.
        detail: String,
    },
    #[error(
        "Trino does not answer at `trino.url`; check that it runs; the next run continues where this one ended"
    )]
    TrinoUnavailable(#[source] Cause),
    #[error("{0}")]
    Trino(Box<TrinoFailure>),
    #[error(
        "catalog `{catalog}` does not allow `add_files`; set `iceberg.add-files-procedure.enabled=true` in its catalog properties and restart Trino"
    )]
    AddFilesDisabled {
        /// The catalog's name in Trino.
        catalog: String,
    },
    #[error("the landing folder `landing.write_to` cannot be used: {detail}")]
    LandingUnavailable {
        detail: String,
        /// What the store said.
        #[source]
        cause: Cause,
    },
    /// A batch has more rejects than `max_rejects` allows. Publishing the rest would hide a fault.
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
        /// The most rejects that `max_rejects` allows for `read` events.
        allowed: u64,
        /// The Iceberg table with the rejects.
        rejects: String,
        /// The most frequent first.
        reasons: Vec<RejectReason>,
    },
    /// The source differs from the table's definition, and somebody has to decide.
    #[error("table `{table}` cannot be staged: {detail}")]
    ContractBroken {
        /// The table's name in the API.
        table: String,
        /// What differs, and what to do.
        detail: String,
    },
    /// The name to delete as a leftover belongs to a declared table or model.
    #[error(
        "{kind} `{name}` is declared, so it is no leftover; remove it from its definition first"
    )]
    StillDeclared {
        /// `table` or `model`.
        kind: &'static str,
        /// Its name in the API.
        name: String,
    },
    #[error("model `{model}` is suspended; call `POST /v1/models/{model}/resume` first")]
    ModelSuspended {
        /// The model's name in the API.
        model: String,
    },
    /// A model cannot be refreshed, and somebody has to change it or what it reads.
    #[error("model `{model}` cannot be refreshed: {detail}")]
    ModelBroken {
        /// The model's name in the API.
        model: String,
        /// What is wrong, and what to do.
        detail: String,
    },
    /// Declared tests of severity `error` failed, before anything was published.
    #[error(
        "tests of {kind} `{table}` failed, so {kept} did not change: {detail}. Correct the data or the tests; the next run tests again"
    )]
    TestFailed {
        /// `table` or `model`.
        kind: &'static str,
        /// The table's or the model's name in the API.
        table: String,
        /// What stays as it was.
        kept: &'static str,
        /// Which tests, and by how much.
        detail: String,
    },
    #[error("test `{test}` of `{table}` cannot be run: {detail}; nothing was published")]
    TestBroken {
        /// The table's name in the API.
        table: String,
        test: String,
        detail: String,
    },
    /// Current rows or history differ from what the typed log gives.
    #[error(
        "{kind} `{table}` differs from its {origin}: {detail}. Did another program write to it? {remedy}"
    )]
    VerifyFailed {
        /// `table` or `model`.
        kind: &'static str,
        /// The table's or the model's name in the API.
        table: String,
        /// The origin of its rows: `typed log` or `query`.
        origin: &'static str,
        /// How it is made again.
        remedy: String,
        detail: String,
    },
    /// One key has more events than a Trino statement can take, so no slice is small enough.
    #[error(
        "key `{key}` of table `{table}` has {events} events, more than one Trino statement can take. Raise `query.max-memory-per-node` of Trino, or add memory to its nodes; nothing was published, and the next run continues with this key"
    )]
    KeyTooLarge {
        /// The table's name in the API.
        table: String,
        /// The key's values, separated by commas.
        key: String,
        events: i64,
        #[source]
        cause: Cause,
    },
    /// Counts of the same events differ between tables; the cursor does not move until they agree.
    #[error("{detail}")]
    Unbalanced { detail: String },
    /// The row changes behind a cursor can no longer be found.
    #[error(
        "the row changes of {kind} `{name}` behind this cursor can no longer be found: {why}. Read all rows again: leave `after` and `consumer` out, and replace your copy"
    )]
    ChangesGone {
        /// `table` or `model`.
        kind: &'static str,
        /// The table's or the model's name in the API.
        name: String,
        why: String,
    },
    /// Another reader moved a consumer.
    #[error(
        "consumer `{consumer}` does not have the cursor that `if_cursor` names: another reader moved it. Read the consumer, and go on from its cursor"
    )]
    ConsumerMoved { consumer: String },
    #[error("{0}")]
    TimedOut(String),
    /// A fault of the service itself.
    #[error("an internal fault; the service's log has the cause")]
    Internal(#[source] Cause),
}

impl Error {
    /// An [`Error::NotFound`] that suggests the nearest existing name.
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

    /// Sets the field of an [`Error::NotFound`].
    #[must_use]
    pub fn at_field(mut self, at: String) -> Self {
        if let Self::NotFound { field, .. } = &mut self {
            *field = Some(at);
        }
        self
    }

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

fn on_pipeline(pipeline: Option<&str>) -> String {
    pipeline.map_or_else(
        || "on all pipelines".into(),
        |name| format!("on pipeline `{name}`"),
    )
}

fn after_name(hint: Option<&str>) -> String {
    hint.map_or_else(String::new, |hint| format!("; {hint}"))
}
