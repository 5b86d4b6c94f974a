//! The classes of faults: the one place that decides what is retried.

use super::Error;

/// Decides whether and how long a step is retried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Class {
    /// A server does not answer, restarts or starts up. Retried until `runs.retry_for` is over.
    Away,
    /// A server is overloaded: queues are full, or memory is short. Retried a few times, with long pauses.
    Busy,
    /// Something broke in transit: a worker was lost, or a page did not arrive. Retried a few times.
    Broken,
    /// Another writer changed the same thing at the same time. Retried a few times.
    Conflict,
    /// A limit of the engine or of the run was reached, and would be reached again at once. Not retried, but a caller
    /// may retry.
    Limit,
    /// The statement, the data, the definition or the settings are wrong. Not retried: somebody has to change them.
    #[default]
    Fault,
    /// Another service took the run over, or this one shuts down, or the state database is away. The run continues with its next attempt.
    Interrupted,
}

/// Trino's error names by class. Other names are classed by Trino's error type: `USER_ERROR` is [`Class::Fault`], any other [`Class::Broken`].
pub const TRINO_CLASSES: &[(Class, &[&str])] = &[
    (
        Class::Away,
        &[
            "SERVER_STARTING_UP",
            "SERVER_SHUTTING_DOWN",
            "NO_NODES_AVAILABLE",
            "ICEBERG_CATALOG_ERROR",
            "JDBC_ERROR",
        ],
    ),
    (
        Class::Busy,
        &[
            "QUERY_QUEUE_FULL",
            "EXCEEDED_QUEUED_TIME_LIMIT",
            "CLUSTER_OUT_OF_MEMORY",
            "ADMINISTRATIVELY_PREEMPTED",
            "GENERIC_INSUFFICIENT_RESOURCES",
        ],
    ),
    (
        Class::Broken,
        &[
            "ABANDONED_QUERY",
            "ABANDONED_TASK",
            "PAGE_TRANSPORT_ERROR",
            "PAGE_TRANSPORT_TIMEOUT",
            "REMOTE_HOST_GONE",
            "REMOTE_TASK_ERROR",
            "REMOTE_TASK_MISMATCH",
            "TOO_MANY_REQUESTS_FAILED",
            "ICEBERG_FILESYSTEM_ERROR",
            "ICEBERG_CANNOT_OPEN_SPLIT",
            "ICEBERG_WRITER_OPEN_ERROR",
            "ICEBERG_WRITER_CLOSE_ERROR",
        ],
    ),
    (
        Class::Conflict,
        &["ICEBERG_COMMIT_ERROR", "TRANSACTION_CONFLICT"],
    ),
    (
        Class::Limit,
        &[
            "ADMINISTRATIVELY_KILLED",
            "EXCEEDED_CPU_LIMIT",
            "EXCEEDED_GLOBAL_MEMORY_LIMIT",
            "EXCEEDED_LOCAL_MEMORY_LIMIT",
            "EXCEEDED_SCAN_LIMIT",
            "EXCEEDED_SPILL_LIMIT",
            "EXCEEDED_TIME_LIMIT",
            "OUT_OF_SPILL_SPACE",
            "USER_CANCELED",
        ],
    ),
];

impl Class {
    /// Whether the same call may succeed later without a change.
    #[must_use]
    pub fn passes(self) -> bool {
        self != Self::Fault
    }

    /// As logs, metrics and documents write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Busy => "busy",
            Self::Broken => "broken",
            Self::Conflict => "conflict",
            Self::Limit => "limit",
            Self::Fault => "fault",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Trino's names for a statement that needs more memory than it may have.
const OUT_OF_MEMORY: &[&str] = &[
    "EXCEEDED_LOCAL_MEMORY_LIMIT",
    "EXCEEDED_GLOBAL_MEMORY_LIMIT",
    "CLUSTER_OUT_OF_MEMORY",
];

impl Error {
    /// Whether Trino refused a statement for its memory, so that a part of the work may succeed.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::Trino(failure) if OUT_OF_MEMORY.contains(&failure.name.as_str()))
    }

    #[must_use]
    pub fn retryable(&self) -> bool {
        self.class().passes()
    }

    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::SourceUnavailable { .. }
            | Self::FilesUnavailable { .. }
            | Self::TrinoUnavailable(_)
            | Self::LandingUnavailable { .. }
            | Self::IssuerUnavailable { .. } => Class::Away,
            Self::QueueFull { .. } | Self::TooManyCalls { .. } | Self::Overloaded => Class::Busy,
            Self::SourceConflict { .. } | Self::RunActive { .. } => Class::Conflict,
            Self::TimedOut(_)
            | Self::OutcomePending { .. }
            | Self::Cancelled { .. }
            | Self::GivenUp { .. } => Class::Limit,
            Self::StateUnavailable(_)
            | Self::SchemaUnfit(_)
            | Self::Interrupted
            | Self::Stopping => Class::Interrupted,
            Self::Trino(failure) => of_trino(&failure.name, &failure.class),
            Self::NotFound { .. }
            | Self::RunUnknown { .. }
            | Self::Malformed(_)
            | Self::Invalid { .. }
            | Self::Unauthenticated { .. }
            | Self::Forbidden { .. }
            | Self::CrossOrigin
            | Self::UnknownHost { .. }
            | Self::BodyTooLarge
            | Self::UnsupportedMediaType(_)
            | Self::MethodNotAllowed { .. }
            | Self::Settings(_)
            | Self::PipelineBroken { .. }
            | Self::KeyReused { .. }
            | Self::SourceUnreadable { .. }
            | Self::SourceReplaced { .. }
            | Self::AddFilesDisabled { .. }
            | Self::TooManyRejects { .. }
            | Self::ContractBroken { .. }
            | Self::StillDeclared { .. }
            | Self::ModelSuspended { .. }
            | Self::ModelBroken { .. }
            | Self::TestFailed { .. }
            | Self::TestBroken { .. }
            | Self::VerifyFailed { .. }
            | Self::KeyTooLarge { .. }
            | Self::Unbalanced { .. }
            | Self::ChangesGone { .. }
            | Self::ConsumerMoved { .. }
            | Self::Internal(_) => Class::Fault,
        }
    }
}

fn of_trino(name: &str, kind: &str) -> Class {
    let listed = TRINO_CLASSES
        .iter()
        .find(|(_, names)| names.contains(&name));

    match listed {
        Some((class, _)) => *class,
        None if kind == "USER_ERROR" => Class::Fault,
        None => Class::Broken,
    }
}
