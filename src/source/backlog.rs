//! How much waits in a source.

use std::time::Duration;

use super::Source;
use crate::error::{Error, Result};

/// Counting ends there.
const MOST: i64 = 100_000;
const LONGEST_COUNT: Duration = Duration::from_secs(15);

/// The events behind the cursor of a source; for a folder, files.
#[derive(Debug, Default)]
pub struct Backlog {
    /// Counted up to 100,000. `None` if counting took too long.
    pub count: Option<i64>,
    /// Why `count` is `None`.
    pub detail: Option<String>,
}

/// Counts what waits in a source after [`Source::begin`].
///
/// # Errors
///
/// The source cannot be asked.
pub async fn backlog(source: &dyn Source, pipeline: &str) -> Result<Backlog> {
    if let Some(detail) = source.uncounted() {
        return Ok(Backlog {
            count: None,
            detail: Some(detail),
        });
    }
    match source.backlog(MOST, LONGEST_COUNT).await {
        Ok(count) => Ok(Backlog {
            count: Some(count),
            detail: None,
        }),
        Err(Error::TimedOut(_)) => Ok(Backlog {
            count: None,
            detail: Some(format!(
                "the source could not count its events within {} s, or within the `statement_timeout` of its connection; `POST /v1/sources/{pipeline}/check` tells whether an index is missing",
                LONGEST_COUNT.as_secs()
            )),
        }),
        Err(error) => Err(error),
    }
}
