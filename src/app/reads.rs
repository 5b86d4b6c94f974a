//! Reads of data for callers: few at once, so that readers cannot take Trino from runs.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::App;
use crate::error::{Error, Result};
use crate::sql::Answer;

/// The most reads in Trino at once, for all callers of a service.
const MOST_AT_ONCE: usize = 8;
/// How long a further one waits for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The turns of the reads.
#[derive(Debug)]
pub struct Reads {
    free: Semaphore,
}

impl Default for Reads {
    fn default() -> Self {
        Self {
            free: Semaphore::new(MOST_AT_ONCE),
        }
    }
}

impl Reads {
    async fn turn(&self) -> Result<SemaphorePermit<'_>> {
        let turn = tokio::time::timeout(LONGEST_WAIT, self.free.acquire()).await;
        let turn = turn.map_err(|_| Error::TooManyCalls {
            detail: "eight other calls read data, and none of them ended in time",
            retry_after: LONGEST_WAIT.as_secs(),
        })?;

        turn.map_err(Error::internal)
    }
}

impl App {
    /// Reads rows for a caller, as [`crate::trino::Trino::read_some`] does.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyCalls`] if eight others read, and none of them ended in time.
    pub async fn read_data(&self, sql: &str, most_bytes: usize) -> Result<Answer> {
        let _turn = self.reads.turn().await?;

        self.trino.read_some("icefront/api", sql, most_bytes).await
    }
}

#[cfg(test)]
mod tests {
    use futures::future::try_join_all;

    use super::*;

    #[tokio::test]
    async fn the_ninth_read_waits_for_its_turn_but_not_for_ever() {
        let reads = Reads::default();
        let mut turns = try_join_all((0..MOST_AT_ONCE).map(|_| reads.turn()))
            .await
            .expect("eight turns");

        let refused = reads.turn().await;
        assert!(
            matches!(refused, Err(Error::TooManyCalls { .. })),
            "{refused:?}"
        );
        turns.pop();
        drop(reads.turn().await.expect("a turn"));
    }
}
