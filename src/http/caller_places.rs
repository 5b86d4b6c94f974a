//! How many calls, followers of runs and checks of definitions of a caller there may be at once.

use std::sync::Arc;

use super::at_once::{AtOnce, Place};
use crate::auth::Principal;
use crate::error::{Error, Result};

/// Those who follow runs at once.
const FOLLOWERS: usize = 1_000;
/// Those of one caller.
const FOLLOWERS_OF_ONE: usize = 100;
/// Calls of one caller at once. `GET …/outcome` is not counted.
const CALLS_OF_ONE: usize = 1_024;
/// Definitions that are sent, checked or wait for it, at once.
const CHECKS: usize = 32;
/// Those of one caller.
const CHECKS_OF_ONE: usize = 4;

/// The name of a caller. Without authentication, all callers are one.
type Caller = Option<Arc<str>>;

/// A place of a caller among those who do the same.
pub(super) type CallerPlace = Arc<Place<Caller>>;

#[derive(Debug)]
pub(super) struct CallerPlaces {
    calls: AtOnce<Caller>,
    followers: AtOnce<Caller>,
    checks: AtOnce<Caller>,
}

impl Default for CallerPlaces {
    fn default() -> Self {
        Self {
            calls: AtOnce::new(usize::MAX, CALLS_OF_ONE),
            followers: AtOnce::new(FOLLOWERS, FOLLOWERS_OF_ONE),
            checks: AtOnce::new(CHECKS, CHECKS_OF_ONE),
        }
    }
}

impl CallerPlaces {
    /// Takes a place among the calls of a caller, for as long as the call is answered.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyCalls`].
    pub(super) fn call(
        &self,
        operation: &str,
        principal: &Principal,
    ) -> Result<Option<CallerPlace>> {
        if operation == "get_run_outcome" || principal.name.is_none() {
            return Ok(None);
        }
        let place = self.calls.enter(principal.name.clone(), 1);
        let place = place.ok_or(Error::TooManyCalls {
            detail: "too many calls with this key are answered at once",
            retry_after: 1,
        })?;

        Ok(Some(Arc::new(place)))
    }

    /// Takes a place for a call that lasts long or takes much memory; `None` for other calls. It is taken before the body is read.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyCalls`].
    pub(super) fn long_call(
        &self,
        operation: &str,
        principal: &Principal,
    ) -> Result<Option<CallerPlace>> {
        let (places, detail) = match operation {
            "follow_run" => (
                &self.followers,
                "too many runs are followed at once with this key",
            ),
            "validate_definition" => (&self.checks, "too many definitions are checked at once"),
            _ => return Ok(None),
        };
        let place = places.enter(principal.name.clone(), 1);
        let place = place.ok_or(Error::TooManyCalls {
            detail,
            retry_after: 10,
        })?;

        Ok(Some(Arc::new(place)))
    }
}
