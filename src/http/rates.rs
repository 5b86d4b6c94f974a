//! How often a caller may start runs and read data, and how often an address may fail to log in.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::at_once::network;
use crate::auth::{Principal, Role};
use crate::error::{Error, Result};

/// Failed logins of an address: so many at once, and as many a minute. Callers behind a proxy share one.
const FAILURES: u32 = 300;
/// Starts of runs and tasks of a caller: so many at once, and as many a minute.
const STARTS: u32 = 300;
/// Reads of data of a caller: so many at once, and as many a second.
const READS: u32 = 100;
/// Callers that are remembered before those that were quiet are forgotten.
pub(super) const REMEMBERED: usize = 10_000;

#[derive(Debug)]
pub(super) struct Rates {
    failures: DefaultKeyedRateLimiter<IpAddr>,
    starts: DefaultKeyedRateLimiter<Arc<str>>,
    reads: DefaultKeyedRateLimiter<Arc<str>>,
}

impl Default for Rates {
    fn default() -> Self {
        let times = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);

        Self {
            failures: RateLimiter::keyed(Quota::per_minute(times(FAILURES))),
            starts: RateLimiter::keyed(Quota::per_minute(times(STARTS))),
            reads: RateLimiter::keyed(Quota::per_second(times(READS))),
        }
    }
}

impl Rates {
    /// Counts a call of a known caller. Sensors that wait for a run may always ask.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyCalls`].
    pub(super) fn check(&self, operation: &str, role: Role, principal: &Principal) -> Result<()> {
        let Some(name) = &principal.name else {
            return Ok(());
        };
        match role {
            Role::Reader => allow(
                &self.reads,
                name,
                "there were too many reads of data with this key",
            ),
            Role::Runner | Role::Operator if operation != "cancel_run" => allow(
                &self.starts,
                name,
                "too many runs and tasks were started with this key",
            ),
            _ => Ok(()),
        }
    }

    /// Counts a call that failed to say who calls. Only such calls are refused, because callers may share an address.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyCalls`].
    pub(super) fn login_failed(&self, address: Option<IpAddr>) -> Result<()> {
        let Some(address) = address.map(network) else {
            return Ok(());
        };

        allow(
            &self.failures,
            &address,
            "too many calls from this address had wrong credentials",
        )
    }
}

fn allow<K: Clone + Eq + std::hash::Hash>(
    limiter: &DefaultKeyedRateLimiter<K>,
    caller: &K,
    detail: &'static str,
) -> Result<()> {
    if limiter.len() > REMEMBERED {
        limiter.retain_recent();
    }

    limiter
        .check_key(caller)
        .map_err(|until| Error::TooManyCalls {
            detail,
            retry_after: until
                .wait_time_from(DefaultClock::default().now())
                .as_secs()
                + 1,
        })
}
