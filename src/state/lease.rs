//! Leases: one service at a time works on a pipeline, for as long as its connection lives.

use deadpool_postgres::Object;

use super::{Store, fault, statement};
use crate::error::Result;

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
        let connection = Object::take(self.client().await?);
        let row = connection
            .query_one(statement!("state/try_lease.sql"), &[&pipeline])
            .await
            .map_err(fault)?;

        Ok(row.get::<_, bool>(0).then_some(Lease { connection }))
    }
}

impl Lease {
    /// Says whether the lease is still ours as far as this side knows.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.connection.is_closed()
    }
}
