//! Freshness in data time: how old the data of tables and models is, measured to its sources, and what makes it so.

mod known;
mod lag;

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use lag::{Freshness, LagReason, Subject, seconds};

use self::known::Known;
use self::lag::rounded;
use crate::app::App;
use crate::error::Result;
use crate::pipeline::TableId;
use crate::state::LagSince;

/// Over how much time the mean and the longest lag are.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// Gives the age of the data of tables and models: now − `covered_until`. Rejects hold `covered_until` back.
///
/// It asks the state database the same number of times, whatever the number of subjects.
pub async fn freshness(app: &App, subjects: &[Subject<'_>]) -> Result<Vec<Freshness>> {
    freshness_at(app, subjects, Timestamp::now()).await
}

/// The same by another clock.
pub async fn freshness_at(
    app: &App,
    subjects: &[Subject<'_>],
    now: Timestamp,
) -> Result<Vec<Freshness>> {
    chosen(app, subjects, now, subjects.len(), |_| true).await
}

/// As [`freshness_at`], without the lags of models over time, which cost more than all the rest.
pub async fn present_freshness(
    app: &App,
    subjects: &[Subject<'_>],
    now: Timestamp,
) -> Result<Vec<Freshness>> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    let known = Known::read(app, subjects).await?;
    let subjects = subjects.iter();

    Ok(subjects.map(|subject| known.of(subject, now)).collect())
}

/// As [`freshness`], for the first subjects that fit, at most `limit`. While `fits` looks, lags over time are not known yet.
pub async fn freshness_where(
    app: &App,
    subjects: &[Subject<'_>],
    limit: usize,
    fits: impl Fn(&Freshness) -> bool,
) -> Result<Vec<Freshness>> {
    chosen(app, subjects, Timestamp::now(), limit, fits).await
}

async fn chosen(
    app: &App,
    subjects: &[Subject<'_>],
    now: Timestamp,
    limit: usize,
    fits: impl Fn(&Freshness) -> bool,
) -> Result<Vec<Freshness>> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    let known = Known::read(app, subjects).await?;
    let all = subjects.iter().map(|subject| known.of(subject, now));
    let mut found: Vec<Freshness> = all.filter(fits).take(limit).collect();
    add_lags(app, &mut found, now).await?;

    Ok(found)
}

/// Measures the lags of models over the last time, which costs more than all the rest.
async fn add_lags(app: &App, found: &mut [Freshness], now: Timestamp) -> Result<()> {
    let since = now.checked_sub(WINDOW).unwrap_or(Timestamp::MIN);
    let (ids, targets): (Vec<TableId>, Vec<Option<f64>>) = found
        .iter()
        .filter_map(|one| {
            let target = one.target_lag_seconds.map(Duration::from_secs);
            Some((one.model_id()?, target.map(|target| target.as_secs_f64())))
        })
        .unzip();
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<&TableId> = ids.iter().collect();
    let lags: HashMap<TableId, LagSince> = app.store.lags_since(&ids, &targets, since).await?;
    for one in found {
        let Some(lag) = one.model_id().and_then(|id| lags.get(&id)) else {
            continue;
        };
        one.mean_lag_seconds = lag.mean.map(rounded);
        one.max_lag_seconds = lag.maximum.map(rounded);
        one.share_within_target = lag.share_within_target.map(rounded);
    }

    Ok(())
}
