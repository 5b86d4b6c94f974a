//! The steps of a run while it goes on: bars on a terminal, lines elsewhere. Both are on stderr, so that stdout has only the answer.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use crate::answers::{Counts, Progress as Working, StepEvent};
use crate::events::Event;
use crate::output::{Output, tell};
use crate::{text, times};

const TICK: Duration = Duration::from_millis(120);
const BAR: &str = "{spinner} {prefix}  {msg}  {elapsed}";

/// What is shown of a run.
pub(crate) struct Progress {
    output: Output,
    /// The bars of the steps that run; `None` without a terminal.
    bars: Option<MultiProgress>,
    steps: HashMap<String, Running>,
    quiet: bool,
}

/// A step that runs.
struct Running {
    began: Option<Timestamp>,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(output: Output, quiet: bool) -> Self {
        let is_drawn = std::io::stderr().is_terminal() && !quiet;

        Self {
            output,
            bars: is_drawn.then(MultiProgress::new),
            steps: HashMap::new(),
            quiet,
        }
    }

    pub(crate) fn show(&mut self, event: &Event) {
        match event {
            Event::Run(run) => {
                if let (Some(attempt @ 2..), "running") = (run.attempt, run.state.as_str()) {
                    self.say(&format!("attempt {attempt}"));
                }
            }
            Event::Step(step) if step.state == "running" => self.begin(step),
            Event::Step(step) => self.end(step),
            Event::Progress(progress) => {
                for working in &progress.statements {
                    if let Some(bar) = self
                        .steps
                        .get(&working.step)
                        .and_then(|step| step.bar.as_ref())
                    {
                        bar.set_message(told(&working.progress));
                    }
                }
            }
        }
    }

    /// Prints a line beside the bars.
    pub(crate) fn say(&self, line: &str) {
        if self.quiet {
            return;
        }
        match &self.bars {
            // A terminal that cannot be written is no reason to leave the run.
            Some(bars) => drop(bars.println(line)),
            None => tell(line),
        }
    }

    /// Leaves the terminal to a question.
    pub(crate) fn hide(&self) {
        if let Some(bars) = &self.bars {
            // If the line cannot be cleared, the next one overwrites it.
            let _ = bars.clear();
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
    }

    pub(crate) fn show_again(&self) {
        if let Some(bars) = &self.bars {
            bars.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    fn begin(&mut self, step: &StepEvent) {
        let bar = self.bars.as_ref().map(|bars| {
            let style = ProgressStyle::with_template(BAR)
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = bars.add(ProgressBar::new_spinner().with_style(style));
            bar.set_prefix(text::one_line(&step.step));
            bar.enable_steady_tick(TICK);
            bar
        });
        self.steps.insert(
            step.step.clone(),
            Running {
                began: step.occurred_at,
                bar,
            },
        );
    }

    fn end(&mut self, step: &StepEvent) {
        let running = self.steps.remove(&step.step);
        if let Some(bar) = running.as_ref().and_then(|running| running.bar.as_ref()) {
            bar.finish_and_clear();
        }
        let began = running.and_then(|running| running.began);
        self.say(&line(self.output, step, began));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.hide();
    }
}

/// The line of a step that has ended: `succeeded  stage.orders  1.2s  staged 300`. At the end, the run tells its problem in full.
pub(crate) fn line(output: Output, step: &StepEvent, began: Option<Timestamp>) -> String {
    let lasted = began
        .zip(step.occurred_at)
        .map(|(began, ended)| times::duration(ended.duration_since(began).as_secs_f64()));
    let told = step.error.as_ref().map_or_else(
        || counts(&step.counts),
        |problem| text::one_line(problem.slug()),
    );
    let parts = [
        Some(output.word(&step.state)),
        Some(text::one_line(&step.step)),
        lasted,
        Some(told),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();

    parts.join("  ")
}

/// The counts that are not 0: `staged 300, rejected 1`.
pub(crate) fn counts(counts: &Counts) -> String {
    let told: Vec<String> = counts
        .iter()
        .filter_map(|(name, count)| {
            let count = count.as_i64().or_else(|| count.as_str()?.parse().ok())?;
            (count != 0).then(|| format!("{} {}", text::one_line(name), text::count(count)))
        })
        .collect();

    told.join(", ")
}

/// How far a statement is: `slice 2 of 8, 40 %, 1,234 rows`.
fn told(working: &Working) -> String {
    let slice = working
        .slice
        .as_ref()
        .map(|slice| format!("slice {} of {}", slice.number, slice.of));
    let percent = working.percent.map(|percent| format!("{percent} %"));
    let rows = working
        .processed_rows
        .filter(|rows| *rows > 0)
        .map(|rows| text::plural(rows, "row", "rows"));

    [slice, percent, rows]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::Format;

    #[test]
    fn a_step_ends_with_its_counts_or_its_problem() {
        let output = Output::new(Format::Table, true);
        let step = |error| -> StepEvent {
            serde_json::from_value(json!({
                "step": "stage.orders", "state": "failed", "counts": {"read": 1300, "rejected": 0}, "error": error, "occurred_at": "2026-01-01T12:00:02.5Z",
            }))
            .expect("a step")
        };
        let began = "2026-01-01T12:00:00Z".parse().ok();

        assert_eq!(
            line(output, &step(json!(null)), began),
            "failed  stage.orders  2.5s  read 1,300"
        );
        let problem =
            json!({"type": "urn:icefront:problem:too-many-rejects", "detail": "too many"});
        assert_eq!(
            line(output, &step(problem), None),
            "failed  stage.orders  too-many-rejects"
        );
    }

    #[test]
    fn a_statement_tells_its_slice_share_and_rows() {
        let working = serde_json::from_value(
            json!({"percent": 40, "processed_rows": 1234, "slice": {"number": 2, "of": 8}}),
        );

        assert_eq!(
            told(&working.expect("progress")),
            "slice 2 of 8, 40 %, 1,234 rows"
        );
    }
}
