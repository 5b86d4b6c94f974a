//! Shows on stderr how far some work is: a bar on a terminal, else a line every few seconds.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::interval;

const BETWEEN_BARS: Duration = Duration::from_millis(100);
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// What is written so far.
pub(crate) trait Progress {
    /// What is counted, in the plural.
    const UNIT: &str;

    fn count(&self) -> u64;

    /// What else the line says.
    fn details(&self) -> String;
}

/// Shows the progress of some work until it ends, and gives its result.
pub(crate) async fn show<P: Progress, T>(
    progress: &Mutex<P>,
    total: Option<u64>,
    work: impl Future<Output = T>,
) -> T {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let prints_lines = bar.is_hidden();
    let unit = P::UNIT;
    let template = if total.is_some() {
        format!("{{bar:40}} {{human_pos}} of {{human_len}} {unit}, {{msg}}, {{eta}} left")
    } else {
        format!("{{spinner}} {{human_pos}} {unit}, {{msg}}, {{elapsed}}")
    };
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    let mut ticks = interval(if prints_lines {
        BETWEEN_LINES
    } else {
        BETWEEN_BARS
    });
    ticks.tick().await;
    tokio::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => {
                bar.finish_and_clear();
                return result;
            }
            _ = ticks.tick() => {
                let (count, details) = {
                    let progress = locked(progress);
                    (progress.count(), progress.details())
                };
                if prints_lines {
                    eprintln!("generate: {} {unit}, {details}", HumanCount(count));
                }
                bar.set_position(count);
                bar.set_message(details);
            }
        }
    }
}

/// Locks what a panicking writer may have left locked: counts are never half written.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
