//! Leases: one service at a time works on a pipeline, for as long as its connection lives.

use std::time::Duration;

use deadpool_postgres::Object;

use super::{Store, fault, statement};
use crate::error::Result;

const BEAT: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(10);

/// The right to work on one pipeline; it ends with the connection that holds it.
#[derive(Debug)]
pub struct Lease {
    connection: deadpool_postgres::ClientWrapper,
}

impl Store {
    /// Takes the lease of a pipeline, or gives `None` where another service has it.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`] when the database does not answer.
    pub async fn try_lease(&self, pipeline: &str) -> Result<Option<Lease>> {
        let connection = self.client().await?;
        let row = connection
            .query_one(statement!("state/try_lease.sql"), &[&pipeline])
            .await
            .map_err(fault)?;

        Ok(row.get::<_, bool>(0).then(|| Lease {
            connection: Object::take(connection),
        }))
    }
}

impl Lease {
    /// Resolves when the lease is no longer ours: the connection ended, or the server does not answer on it.
    pub async fn lost(&self) {
        loop {
            tokio::time::sleep(BEAT).await;
            let beat = self.connection.simple_query(statement!("state/beat.sql"));
            if !matches!(tokio::time::timeout(PATIENCE, beat).await, Ok(Ok(_))) {
                return;
            }
        }
    }
}
