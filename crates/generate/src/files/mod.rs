//! `icefront generate files`: the shop's shipments as a carrier drops them, with what goes wrong when files are dropped.
//!
//! A seed decides every byte: which events a file carries (`deliveries`), then its bytes, whole or broken (`encoded`).

mod defect;
mod deliveries;
mod encoded;
mod folder;
mod format;
mod parquet;
mod shipments;
mod summary;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub use format::{Choice, Compression, Format};
pub use summary::FilesSummary;

use crate::error::GenerateError;
use crate::progress;
use crate::weights::Weights;
use crate::{command_line, parse_duration};

/// How many files are written without `--files` and `--duration`.
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
    #[arg(long, value_parser = parse_duration, default_value = "2s")]
    pub interval: Duration,

    /// How much longer or shorter than the interval a wait may be; all within are as likely [default: half of the interval].
    #[arg(long, value_parser = parse_duration)]
    pub jitter: Option<Duration>,

    /// The share of events that come one to four files later than they should.
    #[arg(long, value_name = "SHARE", value_parser = parse_share, default_value_t = 0.05)]
    pub late: f64,

    /// The share of events that come again in a later file.
    #[arg(long, value_name = "SHARE", value_parser = parse_share, default_value_t = 0.05)]
    pub repeated: f64,

    /// The share of files that are cut, have another delimiter, lack the key, are not UTF-8, or are empty.
    #[arg(long, value_name = "SHARE", value_parser = parse_share, default_value_t = 0.02)]
    pub broken: f64,

    /// How many files to write; with --duration, whichever ends first [default: 100, without --duration].
    #[arg(long, value_name = "FILES", value_parser = clap::value_parser!(u64).range(1..))]
    pub files: Option<u64>,

    /// How long to write, as in `30s` or `5m`; then a last file brings what is still owed.
    #[arg(long, value_parser = parse_duration)]
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

    /// Mix in weights at the edge of their type, and remarks that are odd or very long.
    #[arg(long)]
    pub extremes: bool,

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
            ..command_line(["--quiet", "--interval", "0s", "--into", "."])
        }
    }

    /// Drops files, and gives what they have. What was written before an error stays.
    pub async fn run(self) -> Result<FilesSummary, GenerateError> {
        let jitter = self.jitter();
        if jitter > self.interval {
            return Err(GenerateError::Jitter {
                jitter,
                interval: self.interval,
            });
        }
        let failed = |source| GenerateError::Folder {
            folder: self.into.clone(),
            source,
        };
        if folder::has_files(&self).map_err(failed)? {
            return Err(GenerateError::SeedUsed {
                folder: self.into,
                seed: self.seed,
            });
        }
        let no_end = self.duration.is_none();
        let files = self.files.or_else(|| no_end.then_some(FILES));
        let summary = Mutex::new(FilesSummary::default());
        let work = folder::drop_files(&self, files, &summary);
        let written = if self.quiet {
            work.await
        } else {
            progress::show(&summary, files, work).await
        };
        written.map_err(failed)?;

        Ok(summary.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn jitter(&self) -> Duration {
        self.jitter.unwrap_or(self.interval / 2)
    }

    /// The name of a file, or the beginning of the names of all.
    fn name(&self, rest: &str) -> String {
        format!("shipments-{}-{rest}", self.seed)
    }
}

fn parse_share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "a share is typed as `0.05`: from 0, none, to 1, all".to_owned())
}
