//! The classes of the faults of a source server.

use tokio_postgres::error::SqlState;

use crate::error::{Cause, Error};

/// A server that does not answer.
pub(super) fn unavailable(connection: &str, cause: impl Into<Cause>) -> Error {
    Error::SourceUnavailable {
        connection: connection.to_owned(),
        cause: cause.into(),
    }
}

/// Whether a standby may have ended a read: its recovery cancels the statement or ends the session.
pub(super) fn is_cut(cause: &tokio_postgres::Error) -> bool {
    cause
        .as_db_error()
        .map(|error| error.code().code())
        .is_none_or(|code| matches!(code, "40001" | "40P01") || code.starts_with("57P"))
}

/// Distinguishes a server that went away, one that refused and says why, one that took too long, and a standby whose
/// recovery came between.
pub(super) fn unreadable(connection: &str, cause: tokio_postgres::Error) -> Error {
    match cause.code().map(SqlState::code) {
        // serialization_failure: a session that only reads meets it where a standby's recovery ends it.
        Some("40001") => {
            return Error::SourceConflict {
                connection: connection.to_owned(),
                cause: cause.into(),
            };
        }
        // query_canceled
        Some("57014") => {
            return Error::TimedOut(format!(
                "the server of connection `{connection}` took longer to answer than `connections.{connection}.statement_timeout` allows, or somebody canceled the statement; ask again when the server has less to do, raise the limit, or see what `POST /v1/sources/{{source}}/check` tells of indexes"
            ));
        }
        // lock_not_available
        Some("55P03") => {
            return Error::TimedOut(format!(
                "tables of connection `{connection}` were locked for longer than `connections.{connection}.lock_timeout` allows; ask again"
            ));
        }
        _ => {}
    }
    // Operator intervention, connection exceptions and insufficient resources pass; other classes are refusals.
    let refusal = cause
        .as_db_error()
        .filter(|error| !matches!(&error.code().code()[..2], "57" | "08" | "53"));
    match refusal {
        Some(error) => Error::SourceUnreadable {
            detail: format!(
                "the server of connection `{connection}` refused to be read: {} (SQLSTATE {}){}",
                error.message(),
                error.code().code(),
                if *error.code() == SqlState::INSUFFICIENT_PRIVILEGE {
                    "; grant that to the user of the connection: `POST /v1/sources/{source}/check` tells all that it lacks"
                } else {
                    ""
                }
            ),
        },
        None => unavailable(connection, cause),
    }
}
