//! Leases: one service at a time works on a pipeline. A service that lost its lease can record nothing.

use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::Store;
use super::queries::{Parameters, Queries};
use super::sql::sql;
use crate::error::Result;

/// How often the holder renews its lease, and asks whether its run is to be cancelled.
const RENEWED_EVERY: Duration = Duration::from_secs(1);

/// The right to work on one pipeline. It ends if it is not renewed in time, or with its connection: a killed service
/// loses its connections.
///
/// Each service that takes a lease gets a higher number. The database then refuses records under the old number
/// ([`Store::with_lease`]). So a service that was frozen and wakes up records nothing.
#[derive(Debug)]
pub struct Lease {
    connection: ClientWrapper,
    number: i64,
    time: Duration,
}

impl Store {
    /// Takes the lease of a pipeline for `time`, or gives `None` if another service has it. `holder` shows people which
    /// service has the lease.
    pub async fn try_lease(
        &self,
        pipeline: &str,
        holder: &str,
        time: Duration,
    ) -> Result<Option<Lease>> {
        let connection = self.connection().await?;
        let number = connection
            .value_opt(
                sql!(lease::try_lease),
                &[&pipeline, &holder, &time.as_secs_f64()],
            )
            .await?;

        Ok(number.map(|number| Lease {
            connection: Object::take(connection.client),
            number,
            time,
        }))
    }

    /// The same database for work under a lease: every record is refused once the lease is lost ([`crate::error::Error::Interrupted`]).
    #[must_use]
    pub fn with_lease(&self, lease: &Lease) -> Self {
        Self {
            pool: self.work_pool.clone(),
            lease: Some(lease.number),
            ..self.clone()
        }
    }
}

impl Lease {
    /// Keeps renewing the lease, and resolves when it is lost: another service took it, or it was not renewed in time. Notifies `cancelled`
    /// again and again while the pipeline's run is to be cancelled.
    pub async fn lost(&self, cancelled: &Notify) {
        let mut held_until = Instant::now() + self.time;
        let pause = RENEWED_EVERY.min(self.time / 4);
        loop {
            tokio::time::sleep(pause).await;
            let asked = Instant::now();
            let seconds = self.time.as_secs_f64();
            let values: Parameters<'_> = &[&self.number, &seconds];
            let renewal = self.connection.value_opt(sql!(lease::renew_lease), values);
            let Ok(Ok(Some(is_cancel_requested))) =
                tokio::time::timeout_at(held_until, renewal).await
            else {
                return;
            };
            held_until = asked + self.time;
            if is_cancel_requested {
                cancelled.notify_waiters();
            }
        }
    }

    /// Gives the lease back, so that any service can take the next run at once.
    pub async fn release(self) {
        let client: &Client = &self.connection;
        let values: Parameters<'_> = &[&self.number];
        let release = Queries::execute(client, sql!(lease::release_lease), values);
        // If this does not arrive, the end of the connection has the same effect.
        let _ = tokio::time::timeout(RENEWED_EVERY, release).await;
    }
}
