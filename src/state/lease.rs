//! Leases: one service at a time works on a pipeline, and whoever lost that right can record nothing.

use std::time::Duration;

use deadpool_postgres::Object;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_postgres::types::ToSql;

use super::{Store, fault, statement};
use crate::error::Result;

/// How often the holder tells that it lives, and hears whether its run is to be cancelled.
const BEAT: Duration = Duration::from_secs(1);

/// The right to work on one pipeline. It ends when it was not renewed in time, or with the connection that holds it, as that of a service that was killed.
///
/// Its number rises with each taking. What is recorded under it ([`Store::with_lease`]) is refused by the database as soon as somebody else has taken
/// the lease, so a service that was frozen and wakes records nothing.
#[derive(Debug)]
pub struct Lease {
    connection: deadpool_postgres::ClientWrapper,
    number: i64,
    time: Duration,
}

impl Store {
    /// Takes the lease of a pipeline for `time`, or gives `None` where another service has it; `holder` names who takes it, for people.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`] when the database does not answer.
    pub async fn try_lease(
        &self,
        pipeline: &str,
        holder: &str,
        time: Duration,
    ) -> Result<Option<Lease>> {
        let connection = self.client().await?;
        let row = connection
            .query_opt(
                statement!("state/try_lease.sql"),
                &[&pipeline, &holder, &time.as_secs_f64()],
            )
            .await
            .map_err(fault)?;

        Ok(row.map(|row| Lease {
            connection: Object::take(connection),
            number: row.get(0),
            time,
        }))
    }

    /// The same database for what is done under a lease: nothing can be recorded once that is another's ([`crate::error::Error::Interrupted`]).
    #[must_use]
    pub fn with_lease(&self, lease: &Lease) -> Self {
        Self {
            pool: self.work.clone(),
            lease: Some(lease.number),
            ..self.clone()
        }
    }
}

impl Lease {
    /// Renews the lease again and again, and resolves when it is lost: taken by another, or not renewed in time. Rings `cancelled` as long as the
    /// pipeline's run is to be cancelled.
    pub async fn lost(&self, cancelled: &Notify) {
        let mut held_until = Instant::now() + self.time;
        let beat = BEAT.min(self.time / 4);
        loop {
            tokio::time::sleep(beat).await;
            let asked = Instant::now();
            let seconds = self.time.as_secs_f64();
            let values: [&(dyn ToSql + Sync); 2] = [&self.number, &seconds];
            let renewal = self
                .connection
                .query_opt(statement!("state/beat.sql"), &values);
            let Ok(Ok(Some(row))) = tokio::time::timeout_at(held_until, renewal).await else {
                return;
            };
            held_until = asked + self.time;
            if row.get(0) {
                cancelled.notify_waiters();
            }
        }
    }

    /// Gives the lease back, so that the next run is taken at once by whoever comes first.
    pub async fn release(self) {
        let values: [&(dyn ToSql + Sync); 1] = [&self.number];
        let released = self
            .connection
            .execute(statement!("state/release_lease.sql"), &values);
        // Where this does not arrive, the end of the connection tells the same.
        let _ = tokio::time::timeout(BEAT, released).await;
    }
}
