//! The folder that files are dropped into, one after the other, each when it is whole.

use std::io;
use std::sync::Mutex;

use tokio::time::{Instant, sleep_until};

use super::GenerateFiles;
use super::deliveries::{Deliveries, Delivery};
use super::encoded::encode;
use super::summary::FilesSummary;
use crate::progress::locked;
use crate::random::Random;

/// Makes the folder, and says whether it has files of the seed.
pub(super) fn has_files(args: &GenerateFiles) -> io::Result<bool> {
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

/// Drops files until their number is reached or the duration is over.
pub(super) async fn drop_files(
    args: &GenerateFiles,
    files: Option<u64>,
    summary: &Mutex<FilesSummary>,
) -> io::Result<()> {
    let mut deliveries = Deliveries::new(args);
    // Waits have random numbers of their own, so that they do not change what is written.
    let mut waits = Random::new(args.seed.into(), false);
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
        drop_file(args, &delivery).await?;
        locked(summary).add(&delivery, start.elapsed());
        if is_last {
            return Ok(());
        }
        let shortest = args.interval.saturating_sub(args.jitter());
        let longest = args.interval.saturating_add(args.jitter());
        if let Some(due) = Instant::now().checked_add(waits.within(shortest..=longest)) {
            sleep_until(end.map_or(due, |end| end.min(due))).await;
        }
    }
}

/// Writes a file under a hidden name, and renames it when it is complete.
async fn drop_file(args: &GenerateFiles, delivery: &Delivery) -> io::Result<()> {
    let bytes = encode(delivery)?;
    let ending = delivery.format.ending(delivery.compression);
    let name = args.name(&format!("{:06}.{ending}", delivery.number));
    let aside = args.into.join(format!(".{name}"));
    tokio::fs::write(&aside, bytes).await?;
    tokio::fs::rename(&aside, args.into.join(name)).await
}
