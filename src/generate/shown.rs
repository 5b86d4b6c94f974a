//! Shows on stderr how far some work is: a bar on a terminal, else a line every few seconds.

use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::interval;

const BETWEEN_BARS: Duration = Duration::from_millis(100);
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Shows while some work is done how many of what it has done and what else `told` says, and gives the work's result.
pub(super) async fn during<T>(
    of_what: &str,
    total: Option<u64>,
    told: impl Fn() -> (u64, String),
    work: impl Future<Output = T>,
) -> T {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let lines = bar.is_hidden();
    let counted =
        format!("{{bar:40}} {{human_pos}} of {{human_len}} {of_what}, {{msg}}, {{eta}} left");
    let timed = format!("{{spinner}} {{human_pos}} {of_what}, {{msg}}, {{elapsed}}");
    if let Ok(style) = ProgressStyle::with_template(if total.is_some() { &counted } else { &timed })
    {
        bar.set_style(style);
    }
    let mut ticks = interval(if lines { BETWEEN_LINES } else { BETWEEN_BARS });
    ticks.tick().await;
    tokio::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => {
                bar.finish_and_clear();
                return result;
            }
            _ = ticks.tick() => {
                let (done, more) = told();
                if lines {
                    eprintln!("generate: {} {of_what}, {more}", HumanCount(done));
                }
                bar.set_position(done);
                bar.set_message(more);
            }
        }
    }
}
