//! Files as they come into the folder: one after the other, each when it is whole.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep_until};

use super::super::error::GenerateError;
use super::GenerateFiles;
use super::deliveries::{Deliveries, Delivery};
use super::encode::encode;
use super::summary::FilesSummary;

/// Makes the folder, and tells whether it has files of the seed.
pub(super) fn is_taken(args: &GenerateFiles) -> io::Result<bool> {
    std::fs::create_dir_all(&args.into)?;
    let ours = args.name("");
    for entry in std::fs::read_dir(&args.into)? {
        let name = entry?.file_name();
        if name.as_encoded_bytes().starts_with(ours.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes files until so many are written, or the time is over.
pub(super) async fn write(
    args: &GenerateFiles,
    files: Option<u64>,
    summary: &Mutex<FilesSummary>,
) -> Result<(), GenerateError> {
    let mut deliveries = Deliveries::new(args);
    // Of its own, so that no wait changes what is written.
    let mut waits = StdRng::seed_from_u64(args.seed.into());
    let start = Instant::now();
    let end = args
        .duration
        .and_then(|duration| start.checked_add(duration));
    let mut number = 0;
    loop {
        number += 1;
        let is_last = files == Some(number)
            || end.is_some_and(|end| Instant::now() >= end)
            || deliveries.are_used_up();
        let delivery = deliveries.next(is_last);
        put(args, &delivery)
            .await
            .map_err(|fault| args.failed(fault))?;
        locked(summary).add(&delivery, start.elapsed());
        if is_last {
            return Ok(());
        }
        let shortest = args.interval.saturating_sub(args.jitter());
        let longest = args.interval.saturating_add(args.jitter());
        if let Some(due) = Instant::now().checked_add(waits.random_range(shortest..=longest)) {
            sleep_until(end.map_or(due, |end| end.min(due))).await;
        }
    }
}

/// Writes a file under a name that no reader looks at, and moves it to its own.
async fn put(args: &GenerateFiles, delivery: &Delivery) -> io::Result<()> {
    let bytes = encode(delivery)?;
    let ending = delivery.format.ending(delivery.compression);
    let name = args.name(&format!("{:06}.{ending}", delivery.number));
    let aside = args.into.join(format!(".{name}"));
    tokio::fs::write(&aside, bytes).await?;
    tokio::fs::rename(&aside, args.into.join(name)).await
}

pub(super) fn locked(summary: &Mutex<FilesSummary>) -> MutexGuard<'_, FilesSummary> {
    summary.lock().unwrap_or_else(PoisonError::into_inner)
}
