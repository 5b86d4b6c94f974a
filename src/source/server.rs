//! The server behind a connection: what it says of itself, and how its faults are told apart.

use jiff::Timestamp;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::error::{Cause, Error};
use crate::state::statement;

/// What the server said before a snapshot was taken.
pub(super) struct Server {
    pub(super) now: Timestamp,
    /// The begin of the oldest transaction that has written; of a standby no later than what it has replayed.
    pub(super) oldest_open: Option<Timestamp>,
    pub(super) oldest_pid: Option<i32>,
    /// The transaction that was prepared first, by its name, and when; when it began it does not tell.
    pub(super) prepared: Option<(String, Timestamp)>,
    pub(super) in_recovery: bool,
    pub(super) system_identifier: String,
    pub(super) timeline: i32,
    /// The begin of the oldest transaction that is open, whether it has written or not; of a standby as `oldest_open`.
    pub(super) oldest_begun: Option<Timestamp>,
    pub(super) begun_pid: Option<i32>,
    /// Whether the user may see the transactions of others.
    pub(super) sees_all: bool,
}

impl Server {
    /// Asks the server; what it says of open transactions must be asked before a snapshot is taken.
    pub(super) async fn ask(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let row = client
            .query_one(statement!("source/server.sql"), &[])
            .await?;

        Ok(Self {
            now: row.get(0),
            oldest_open: row.get(1),
            oldest_pid: row.get(2),
            prepared: row.get::<_, Option<String>>(3).zip(row.get(10)),
            in_recovery: row.get(4),
            system_identifier: row.get(5),
            timeline: row.get(6),
            oldest_begun: row.get(7),
            sees_all: row.get(8),
            begun_pid: row.get(9),
        })
    }

    /// The time up to which nothing can be committed any more with an earlier `now()`: the begin of the oldest open transaction.
    pub(super) fn settled_until(&self) -> Timestamp {
        self.oldest_begun
            .map_or(self.now, |begun| begun.min(self.now))
    }
}

/// A server that does not answer.
pub(super) fn unavailable(connection: &str, cause: impl Into<Cause>) -> Error {
    Error::SourceUnavailable {
        connection: connection.to_owned(),
        cause: cause.into(),
    }
}

/// Whether a standby may have ended a read: its recovery cancels the statement, and ends the session where it cannot.
pub(super) fn is_cut(cause: &tokio_postgres::Error) -> bool {
    cause
        .as_db_error()
        .map(|error| error.code().code())
        .is_none_or(|code| matches!(code, "40001" | "40P01") || code.starts_with("57P"))
}

/// Tells a server that went away from one that refused, which says why, and from one that took too long.
pub(super) fn unreadable(connection: &str, cause: tokio_postgres::Error) -> Error {
    match cause.code().map(SqlState::code) {
        // Canceled, and no lock in time.
        Some("57014") => {
            return Error::TimedOut(format!(
                "the server of connection `{connection}` took longer to answer than `connections.{connection}.statement_timeout` allows, or somebody canceled it; ask again when it has less to do, raise the limit, or see what `POST /v1/sources/{{source}}/check` tells of indexes"
            ));
        }
        Some("55P03") => {
            return Error::TimedOut(format!(
                "tables of connection `{connection}` were locked for longer than `connections.{connection}.lock_timeout` allows; ask again"
            ));
        }
        _ => {}
    }
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
