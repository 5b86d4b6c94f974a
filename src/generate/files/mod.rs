//! `icefront generate files`: the shop's shipments as a carrier drops them, with what goes wrong when files are dropped.
//!
//! A seed decides every byte. What a file carries is decided first (`deliveries`), then it is encoded, whole or broken, and written.

mod choice;
mod deliveries;
mod encode;
mod fault;
mod parquet;
mod shipments;
mod summary;
mod write;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub use choice::{Choice, Compression, Format};
pub use summary::FilesSummary;

use super::error::GenerateError;
use super::workload::Weights;
use super::{duration, shown};
use write::{is_taken, locked, write};

/// How many files are written where neither `--files` nor `--duration` says it.
const FILES: u64 = 100;

/// Drop files of a carrier's shipments into a folder, as the pipeline in `sql/pipelines/drops` reads them.
///
/// Each event has an operation, a time and a number in `seq`. A file appears under its name when it is whole. Every event comes in
/// a file that can be read: what a broken one lost, the next one brings.
#[derive(Debug, Clone, clap::Args)]
pub struct GenerateFiles {
    /// The folder, as in `/data/drops/shipments`; made if it is missing.
    #[arg(long, value_name = "FOLDER")]
    pub into: PathBuf,

    /// What the files are: csv, json-lines, json-array, parquet, several of them separated by commas, or all.
    #[arg(long, default_value_t = Choice::all())]
    pub format: Choice<Format>,

    /// How the files are packed: none, gzip, zstd, several of them separated by commas, or all; within its pages, where it is Parquet.
    #[arg(long, default_value_t = Choice::all())]
    pub compression: Choice<Compression>,

    /// How long to wait between two files, as in `2s`; with `0s`, files are written as fast as it goes.
    #[arg(long, value_parser = duration, default_value = "2s")]
    pub interval: Duration,

    /// How much longer or shorter than the interval a wait may be; all within are as likely [default: half of the interval].
    #[arg(long, value_parser = duration)]
    pub jitter: Option<Duration>,

    /// The share of events that come one to four files later than they should.
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.05)]
    pub late: f64,

    /// The share of events that come again in a later file.
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.05)]
    pub repeated: f64,

    /// The share of files that are cut, have another delimiter, lack the key, are not UTF-8, or are empty.
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.02)]
    pub broken: f64,

    /// How many files to write; with --duration, whichever ends first [default: 100, without --duration].
    #[arg(long, value_name = "FILES", value_parser = clap::value_parser!(u64).range(1..))]
    pub files: Option<u64>,

    /// How long to write, as in `30s` or `5m`; then a last file brings what is still owed.
    #[arg(long, value_parser = duration)]
    pub duration: Option<Duration>,

    /// How many rows a file has, about.
    #[arg(long, value_name = "ROWS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rows_per_file: u32,

    /// The shares of inserts, updates and deletes.
    #[arg(long, default_value_t = Weights::DEFAULT)]
    pub weights: Weights,

    /// The start of the random numbers: the same seed writes the same bytes, another one other shipments with other numbers.
    #[arg(long, default_value_t = 1)]
    pub seed: u32,

    /// Show no progress.
    #[arg(long)]
    pub quiet: bool,
}

impl GenerateFiles {
    /// Gives the defaults of the command line for a folder, but without waits, and shows no progress.
    #[must_use]
    pub fn quietly(into: impl Into<PathBuf>) -> Self {
        Self {
            into: into.into(),
            format: Choice::all(),
            compression: Choice::all(),
            interval: Duration::ZERO,
            jitter: None,
            late: 0.05,
            repeated: 0.05,
            broken: 0.02,
            files: None,
            duration: None,
            rows_per_file: 50,
            weights: Weights::DEFAULT,
            seed: 1,
            quiet: true,
        }
    }

    fn jitter(&self) -> Duration {
        self.jitter.unwrap_or(self.interval / 2)
    }

    /// The name of a file, which tells what it is, or the beginning of the names of all.
    fn name(&self, rest: &str) -> String {
        format!("shipments-{}-{rest}", self.seed)
    }

    fn failed(&self, source: std::io::Error) -> GenerateError {
        GenerateError::Folder {
            folder: self.into.clone(),
            source,
        }
    }
}

/// Writes what was asked for, and gives what it wrote.
///
/// # Errors
/// [`GenerateError::Jitter`], [`GenerateError::SeedUsed`] before anything is written; [`GenerateError::Folder`], where the files
/// written until then stay.
pub async fn write_files(args: GenerateFiles) -> Result<FilesSummary, GenerateError> {
    let jitter = args.jitter();
    if jitter > args.interval {
        return Err(GenerateError::Jitter {
            jitter,
            interval: args.interval,
        });
    }
    if is_taken(&args).map_err(|fault| args.failed(fault))? {
        return Err(GenerateError::SeedUsed {
            folder: args.into,
            seed: args.seed,
        });
    }
    let files = args
        .files
        .or_else(|| args.duration.is_none().then_some(FILES));
    let summary = Mutex::new(FilesSummary::default());
    let work = write(&args, files, &summary);
    if args.quiet {
        work.await?;
    } else {
        let told = || {
            let summary = locked(&summary);
            (summary.files(), summary.told())
        };
        shown::during("files", files, told, work).await?;
    }

    Ok(summary.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Reads a share.
fn share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "a share is typed as `0.05`: from 0, none, to 1, all".to_owned())
}

#[cfg(test)]
mod tests;
