//! How statements are sent and their rows read: alike on the store, on one connection and in a transaction.

use deadpool_postgres::Object;
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::types::{FromSqlOwned, ToSql};
use tokio_postgres::{Client, Row};

use super::rows::{FromRow, OnlyColumn};
use crate::error::{Error, Result};

/// The values of `$1`, `$2` … of a statement.
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Sends statements of [`sql!`](super::sql::sql).
///
/// Every call fails with [`Error::StateUnavailable`] if the database does not answer, and with [`Error::Interrupted`]
/// if the lease was lost. It fails with [`Error::Internal`] if the statement is refused or its rows do not fit the
/// caller's type.
pub(super) trait Queries: Sync {
    /// Gives the number of rows that were written.
    fn execute(
        &self,
        statement: &str,
        parameters: Parameters<'_>,
    ) -> impl Future<Output = Result<u64>> + Send;

    fn query(
        &self,
        statement: &str,
        parameters: Parameters<'_>,
    ) -> impl Future<Output = Result<Vec<Row>>> + Send;

    fn rows<T: FromRow>(
        &self,
        statement: &str,
        parameters: Parameters<'_>,
    ) -> impl Future<Output = Result<Vec<T>>> + Send {
        async move {
            let rows = self.query(statement, parameters).await?;

            rows.iter()
                .map(|row| T::from_row(row).map_err(error))
                .collect()
        }
    }

    /// Gives the one row, or `None` if there is none. A second row is an error.
    fn row_opt<T: FromRow>(
        &self,
        statement: &str,
        parameters: Parameters<'_>,
    ) -> impl Future<Output = Result<Option<T>>> + Send {
        async move {
            let mut rows = self.rows(statement, parameters).await?;
            let row = rows.pop();
            if !rows.is_empty() {
                return Err(Error::internal("a statement gave more than one row"));
            }

            Ok(row)
        }
    }

    fn row<T: FromRow>(
        &self,
        statement: &str,
        parameters: Parameters<'_>,
    ) -> impl Future<Output = Result<T>> + Send {
        async move {
            self.row_opt(statement, parameters)
                .await?
                .ok_or_else(|| Error::internal("a statement gave no row"))
        }
    }

    /// Gives the only column of the one row.
    fn value<T: FromSqlOwned + Send>(
        &self,
        statement: &str,
        parameters: Parameters<'_>,
    ) -> impl Future<Output = Result<T>> + Send {
        async move {
            let OnlyColumn(value) = self.row(statement, parameters).await?;

            Ok(value)
        }
    }

    /// Gives the only column of the one row, or `None` if there is no row.
    fn value_opt<T: FromSqlOwned + Send>(
        &self,
        statement: &str,
        parameters: Parameters<'_>,
    ) -> impl Future<Output = Result<Option<T>>> + Send {
        async move {
            let row = self.row_opt(statement, parameters).await?;

            Ok(row.map(|OnlyColumn(value)| value))
        }
    }

    /// Gives the only column of all rows.
    fn values<T: FromSqlOwned + Send, C: FromIterator<T>>(
        &self,
        statement: &str,
        parameters: Parameters<'_>,
    ) -> impl Future<Output = Result<C>> + Send {
        async move {
            let rows = self.rows(statement, parameters).await?;

            Ok(rows.into_iter().map(|OnlyColumn(value)| value).collect())
        }
    }
}

/// A connection from one of the store's pools. Once its lease is lost, the database refuses its records.
pub(super) struct Connection {
    pub(super) client: Object,
    /// See [`Store::sharing`](super::Store::sharing).
    pub(super) _turn: Option<OwnedSemaphorePermit>,
}

impl Connection {
    pub(super) async fn begin(&mut self) -> Result<Transaction<'_>> {
        let begun = self.client.transaction().await;

        begun.map(Transaction).map_err(error)
    }
}

/// A transaction. Dropping it before the commit rolls it back.
pub(super) struct Transaction<'a>(deadpool_postgres::Transaction<'a>);

impl Transaction<'_> {
    /// Begins a part that can be rolled back by itself.
    pub(super) async fn begin(&mut self) -> Result<Transaction<'_>> {
        self.0.transaction().await.map(Transaction).map_err(error)
    }

    pub(super) async fn commit(self) -> Result<()> {
        self.0.commit().await.map_err(error)
    }
}

impl Queries for Connection {
    async fn execute(&self, statement: &str, parameters: Parameters<'_>) -> Result<u64> {
        let client: &Client = &self.client;

        Queries::execute(client, statement, parameters).await
    }

    async fn query(&self, statement: &str, parameters: Parameters<'_>) -> Result<Vec<Row>> {
        let client: &Client = &self.client;

        Queries::query(client, statement, parameters).await
    }
}

impl Queries for Client {
    async fn execute(&self, statement: &str, parameters: Parameters<'_>) -> Result<u64> {
        Client::execute(self, statement, parameters)
            .await
            .map_err(error)
    }

    async fn query(&self, statement: &str, parameters: Parameters<'_>) -> Result<Vec<Row>> {
        Client::query(self, statement, parameters)
            .await
            .map_err(error)
    }
}

impl Queries for Transaction<'_> {
    async fn execute(&self, statement: &str, parameters: Parameters<'_>) -> Result<u64> {
        self.0.execute(statement, parameters).await.map_err(error)
    }

    async fn query(&self, statement: &str, parameters: Parameters<'_>) -> Result<Vec<Row>> {
        self.0.query(statement, parameters).await.map_err(error)
    }
}

/// What the trigger `hold_lease` raises when the lease was lost.
const LEASE_LOST: &str = "IF001";

/// Classes of SQLSTATEs of an unreachable database: the server ends or starts, the connection broke, or it is out of
/// resources.
const CLASSES_OF_ABSENCE: [&str; 3] = ["57", "08", "53"];

/// Single SQLSTATEs after which the same statement can succeed later.
const CODES_OF_ABSENCE: [&str; 6] = [
    "3F000", // The schema is not there yet.
    "42P01", // The table of a newer service is not there yet.
    "42703", // Its column is not there yet.
    "55P03", // Somebody holds a lock for longer than we wait.
    "25P03", // The service was frozen in a transaction.
    "25006", // The server only reads.
];

/// A statement took longer than it may: `session_for_calls` limits what callers ask. A retry would time out, too. So this is the
/// only code of class 57 that does not mean an unreachable server.
const CANCELLED: &str = "57014";

/// Distinguishes a lost lease, an unreachable database and a refused statement.
pub(super) fn error(cause: tokio_postgres::Error) -> Error {
    let code = cause.code().map(tokio_postgres::error::SqlState::code);
    if code == Some(LEASE_LOST) {
        return Error::Interrupted;
    }
    if code == Some(CANCELLED) {
        return Error::TimedOut(
            "the state database took too long to answer; ask for less: a shorter time from `since` to `until`, one pipeline or table, or a smaller `limit`".into(),
        );
    }
    let is_broken = std::error::Error::source(&cause)
        .is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
    let is_away = |code: &str| {
        let is_class = CLASSES_OF_ABSENCE.contains(&&code[..2]);
        is_class || CODES_OF_ABSENCE.contains(&code)
    };
    if cause.is_closed() || is_broken || code.is_some_and(is_away) {
        Error::StateUnavailable(cause.into())
    } else {
        Error::internal(cause)
    }
}
