//! Waits for the end of a run, with its progress, a time limit, and Ctrl-C.

use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::answers::{Problem, Run};
use crate::commands::Client;
use crate::events::Events;
use crate::fault::{Exit, Fault, Result};
use crate::output::tell;
use crate::progress::{self, Progress};
use crate::server::{Call, read};
use crate::{text, times};

/// How long the service may be away before the client gives up.
const LONGEST_AWAY: Duration = Duration::from_mins(5);
const PAUSE: Duration = Duration::from_secs(1);

/// How to wait for a run.
#[derive(Debug, clap::Args)]
pub(crate) struct Wait {
    /// Wait for the end of the run, and show its steps. The exit code tells how it ended
    #[arg(long = "wait")]
    is_wanted: bool,
    /// The longest wait, such as `30m`; the run goes on behind it
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = times::parse_duration, requires = "is_wanted")]
    timeout: Duration,
    /// Do not show steps
    #[arg(long, requires = "is_wanted")]
    quiet: bool,
}

impl Wait {
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// Tells of a run that was started: at once, or at its end.
    pub(crate) async fn tell(&self, client: &Client, started: Value) -> Result<Exit> {
        let run: Run = read(&started)?;
        if !self.is_wanted {
            client.output.one(
                &started,
                |run: &Run| run.id.clone(),
                |run| {
                    client.output.line(&format!(
                        "{} {}",
                        text::one_line(&run.id),
                        client.output.word(&run.state)
                    ))?;
                    if !run.terminal {
                        tell(&format!(
                            "follow it by `icefront runs logs -f {}`",
                            text::one_line(&run.id)
                        ));
                    }
                    Ok(())
                },
            )?;
            return Ok(Exit::Succeeded);
        }
        let progress = Progress::new(client.output, self.quiet);
        progress.say(&format!(
            "run {} of {}",
            text::one_line(&run.id),
            text::one_line(&run.pipeline)
        ));
        let ended = follow(client, &run, progress, Instant::now() + self.timeout).await?;

        tell_end(client, ended.as_ref())
    }
}

/// Follows a run that was started before. Without a limit, the caller ends it by Ctrl-C.
pub(crate) async fn watch(client: &Client, run: &Run) -> Result<Exit> {
    let progress = Progress::new(client.output, false);
    let limit = Instant::now() + Duration::from_hours(365 * 24);
    let ended = follow(client, run, progress, limit).await?;

    tell_end(client, ended.as_ref())
}

/// The wish of a caller after Ctrl-C.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    Cancel,
    GoOn,
    Leave,
}

/// Follows a run until it has ended, the limit is reached, or the caller leaves. Gives the run as it is then; `None` if the caller does
/// not wait for that.
async fn follow(
    client: &Client,
    run: &Run,
    mut progress: Progress,
    limit: Instant,
) -> Result<Option<Value>> {
    let mut events = Events::of(&run.id);
    let mut is_cancelled = false;
    loop {
        let may_ask = {
            let end = until_end(client, run, &mut events, &mut progress);
            tokio::select! {
                ended = end => return ended.map(Some),
                () = tokio::time::sleep_until(limit) => false,
                Ok(()) = tokio::signal::ctrl_c() => !is_cancelled && std::io::stdin().is_terminal(),
            }
        };
        let wish = if may_ask {
            ask(&progress).await
        } else {
            Wish::Leave
        };
        match wish {
            Wish::GoOn => {}
            Wish::Cancel => {
                let cancel = Call::post(&["runs", &run.id, "cancel"]);
                if answer_or_leave(client, cancel).await?.is_none() {
                    return Ok(None);
                }
                is_cancelled = true;
                progress.say("the run is being cancelled");
            }
            Wish::Leave => {
                let id = text::one_line(&run.id);
                progress.say(&format!("the run goes on; look at it by `icefront runs show {id}`, or cancel it by `icefront runs cancel {id}`"));
                return answer_or_leave(client, Call::get(&["runs", &run.id])).await;
            }
        }
    }
}

/// Sends a call; `None` if the caller presses Ctrl-C before the answer.
async fn answer_or_leave(client: &Client, call: Call<'_>) -> Result<Option<Value>> {
    tokio::select! {
        answer = client.server.call(call) => answer.map(Some),
        Ok(()) = tokio::signal::ctrl_c() => Ok(None),
    }
}

/// Asks the caller, who has pressed Ctrl-C. Pressing it again leaves the run.
async fn ask(progress: &Progress) -> Wish {
    progress.hide();
    // A terminal that cannot be written can still be read.
    let question = "\ncancel the run? [y/N, or Ctrl-C to leave it alone] ";
    let _ = std::io::stderr().write_all(question.as_bytes());
    let (answered, answer) = tokio::sync::oneshot::channel();
    // No task of the runtime: nobody can end a read of the terminal, and the end of the program must not wait for it.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin()
            .lock()
            .read_line(&mut line)
            .unwrap_or_default();
        answered.send((read > 0).then_some(line))
    });
    let wish = tokio::select! {
        line = answer => match line.ok().flatten() {
            Some(line) if matches!(line.trim(), "y" | "Y" | "yes") => Wish::Cancel,
            Some(_) => Wish::GoOn,
            None => Wish::Leave,
        },
        _ = tokio::signal::ctrl_c() => { tell(""); Wish::Leave }
    };
    progress.show_again();

    wish
}

/// Shows events until the run has ended.
async fn until_end(
    client: &Client,
    run: &Run,
    events: &mut Events,
    progress: &mut Progress,
) -> Result<Value> {
    let mut last_seen = Instant::now();
    loop {
        match next(client, run, events, progress).await {
            Ok(Some(ended)) => return Ok(ended),
            Ok(None) => last_seen = Instant::now(),
            Err(Fault::Unreachable(_)) if last_seen.elapsed() < LONGEST_AWAY => {}
            Err(Fault::Problem(problem))
                if matches!(problem.status, 429 | 503) && last_seen.elapsed() < LONGEST_AWAY => {}
            Err(fault) => return Err(fault),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Shows the events of one connection. Gives the run if it has ended.
async fn next(
    client: &Client,
    run: &Run,
    events: &mut Events,
    progress: &mut Progress,
) -> Result<Option<Value>> {
    events.open(&client.server).await?;
    while let Some(some) = events.next().await? {
        for event in &some {
            progress.show(event);
        }
    }
    let now = client.server.call(Call::get(&["runs", &run.id])).await?;

    Ok(read::<Run>(&now)?.terminal.then_some(now))
}

/// Prints how a run ended, and gives the exit code of that.
fn tell_end(client: &Client, ended: Option<&Value>) -> Result<Exit> {
    let Some(ended) = ended else {
        return Ok(Exit::StillRunning);
    };
    let printed = client.output.one(
        ended,
        |run: &Run| run.id.clone(),
        |run| {
            let lasted = run
                .duration_seconds
                .map(times::duration)
                .unwrap_or_default();
            let counts = progress::counts(&run.counts);
            client.output.line(
                format!(
                    "{}  {}  {lasted}  {counts}",
                    client.output.word(&run.state),
                    text::one_line(&run.pipeline)
                )
                .trim_end(),
            )
        },
    );
    let run: Run = read(ended)?;
    if let Some(problem) = &run.error {
        // The answer on stdout has it too, but not for people.
        let problem = Problem {
            run_id: Some(run.id.clone()),
            ..problem.clone()
        };
        tell(&Fault::Problem(Box::new(problem)).told().unwrap_or_default());
    }

    exit_of(&run.state).after(printed)
}

/// The exit code that tells the outcome of a run.
fn exit_of(state: &str) -> Exit {
    match state {
        "succeeded" => Exit::Succeeded,
        "failed" => Exit::Failed,
        "cancelled" => Exit::Cancelled,
        _ => Exit::StillRunning,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_tells_the_outcome() {
        let exits = ["succeeded", "failed", "cancelled", "running", "queued"]
            .map(|state| exit_of(state) as u8);

        assert_eq!(exits, [0, 1, 3, 4, 4]);
    }
}
