//! Calls take turns to ask Trino and the state database, so that a caller cannot take them from others, nor Trino from runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::auth::{Principal, Role};
use crate::error::{Error, Result};

/// The most calls that ask Trino at once.
const TURNS: usize = 16;
/// Those of one caller.
const TURNS_OF_ONE: usize = 8;
/// How long a further call waits.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Operations that ask Trino.
const OF_TRINO: [&str; 16] = [
    "delete_leftover",
    "get_engine",
    "get_model",
    "get_plan",
    "get_table",
    "list_files",
    "list_leftovers",
    "list_model_row_changes",
    "list_rejects",
    "list_row_changes",
    "list_rows",
    "list_test_failures",
    "list_versions",
    "reset_table",
    "run_unit_tests",
    "validate_models",
];

pub(super) fn asks_trino(operation: &str) -> bool {
    OF_TRINO.contains(&operation)
}

/// The turns of a service.
#[derive(Debug)]
pub(super) struct Turns {
    trino: Arc<Semaphore>,
    trino_of_callers: Shares,
    state_of_callers: Shares,
}

/// What each caller may do at once.
#[derive(Debug)]
struct Shares {
    most: usize,
    callers: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
}

/// A turn, until it is dropped.
pub(super) struct Turn {
    _of_all: OwnedSemaphorePermit,
    _of_caller: OwnedSemaphorePermit,
}

impl Shares {
    fn new(most: usize) -> Self {
        Self {
            most,
            callers: Mutex::default(),
        }
    }

    /// The turns of a caller. Without authentication, all callers are one.
    fn of(&self, caller: &Principal) -> Arc<Semaphore> {
        let mut shares = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        // Forgets callers without a turn.
        shares.retain(|_, turns| Arc::strong_count(turns) > 1);
        let name = caller.name.clone().unwrap_or_default();
        let own = shares
            .entry(name)
            .or_insert_with(|| Arc::new(Semaphore::new(self.most)));

        Arc::clone(own)
    }
}

impl Turns {
    /// For a pool of so many connections to the state database. One caller may have half of them.
    pub(super) fn new(connections: usize) -> Self {
        Self {
            trino: Arc::new(Semaphore::new(TURNS)),
            trino_of_callers: Shares::new(TURNS_OF_ONE),
            state_of_callers: Shares::new(connections.div_ceil(2)),
        }
    }

    /// The turns of a caller to ask the state database. They are taken for each question, because most of a call may be spent waiting.
    /// Without authentication there are none: nobody could be told from others.
    pub(super) fn of_state(&self, caller: &Principal) -> Option<Arc<Semaphore>> {
        caller
            .name
            .is_some()
            .then(|| self.state_of_callers.of(caller))
    }

    /// Waits for a turn, if the operation asks Trino.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyCalls`] if there is none in time.
    pub(super) async fn take(
        &self,
        operation: &str,
        role: Role,
        principal: &Principal,
    ) -> Result<Option<Turn>> {
        // A plan without SQL asks the source, not Trino.
        let is_plain_plan = operation == "get_plan" && role == Role::Viewer;
        if !asks_trino(operation) || is_plain_plan {
            return Ok(None);
        }
        let own = self.trino_of_callers.of(principal);
        let both = async {
            Ok::<_, tokio::sync::AcquireError>(Turn {
                _of_caller: own.acquire_owned().await?,
                _of_all: Arc::clone(&self.trino).acquire_owned().await?,
            })
        };
        let turn = tokio::time::timeout(LONGEST_WAIT, both).await;
        let turn = turn.map_err(|_| Error::TooManyCalls {
            detail: "other calls ask Trino, and none of them ended in time; `GET /readyz` says whether Trino answers",
            retry_after: LONGEST_WAIT.as_secs(),
        })?;

        turn.map(Some).map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;
    use crate::auth::Grants;

    fn caller(name: &str) -> Principal {
        Principal {
            name: Some(name.into()),
            grants: Arc::new(Grants::everything()),
        }
    }

    #[tokio::test]
    async fn a_caller_who_asks_much_leaves_turns_to_others() {
        let turns = Turns::new(8);
        let (one, other) = (caller("one"), caller("other"));
        let asked =
            join_all((0..TURNS_OF_ONE).map(|_| turns.take("list_rows", Role::Reader, &one))).await;
        assert!(asked.iter().all(|turn| matches!(turn, Ok(Some(_)))));
        let refused = turns.take("list_rows", Role::Reader, &one).await;
        assert!(matches!(refused, Err(Error::TooManyCalls { .. })));
        assert!(matches!(
            turns.take("get_run", Role::Viewer, &one).await,
            Ok(None)
        ));
        assert!(matches!(
            turns.take("list_rows", Role::Reader, &other).await,
            Ok(Some(_))
        ));
        drop(asked);
        assert!(matches!(
            turns.take("list_rows", Role::Reader, &one).await,
            Ok(Some(_))
        ));
    }
}
