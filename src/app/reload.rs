//! Reads pipelines anew while the service runs: when somebody asks for it, and when files have changed.

use std::fmt;
use std::time::Duration;

use super::App;
use crate::error::{Error, Result, causes};
use crate::pipeline::{PipelineFiles, Pipelines, Reload, ReloadOutcome};

/// Files are read when they have stayed the same for this time. Before, somebody may still be changing them.
const SETTLE: Duration = Duration::from_secs(1);
/// Files that never rest hold the others up no longer than this many times.
const MOST_WAITS: u32 = 30;

/// Why pipelines are read anew.
#[derive(Debug, Clone, Copy)]
pub enum ReloadCause {
    Call,
    Signal,
    ChangedFiles,
}

impl fmt::Display for ReloadCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call => "call",
            Self::Signal => "signal",
            Self::ChangedFiles => "changed files",
        })
    }
}

impl App {
    /// Reads the pipelines anew, and gives what became of each. Calls and runs that have begun keep the definitions that they have.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] if `pipelines.path` cannot be read. Then nothing changes.
    pub async fn reload_pipelines(&self, cause: ReloadCause) -> Result<Vec<Reload>> {
        let _turn = self.reloading.lock().await;
        let before = self.newest.borrow().clone();
        let app = self.clone();
        let reloaded = blocking(move || before.reload(&app.config)).await?;
        tell(&reloaded.pipelines, &reloaded.outcomes, cause);
        self.newest.send_replace(reloaded.pipelines);

        Ok(reloaded.outcomes)
    }

    async fn pipeline_files(&self) -> Result<PipelineFiles> {
        let newest = self.newest.borrow().clone();
        let app = self.clone();

        blocking(move || newest.files_now(&app.config)).await
    }
}

/// Reads the pipelines anew whenever their files have changed, for ever.
pub async fn watch_pipelines(app: App) {
    let every = app.config.pipelines.watch;
    if every.is_zero() {
        return;
    }
    let mut is_fault_logged = false;
    loop {
        tokio::time::sleep(every).await;
        match look(&app).await {
            Ok(()) => is_fault_logged = false,
            Err(error) if !is_fault_logged => {
                is_fault_logged = true;
                let cause = causes(&error);
                tracing::error!(%error, cause, "pipelines cannot be read anew; the service works by those that it has");
            }
            Err(_) => {}
        }
    }
}

/// Reads the pipelines anew if their files have changed.
async fn look(app: &App) -> Result<()> {
    let known = app.newest.borrow().files();
    let mut seen = app.pipeline_files().await?;
    if seen == known {
        return Ok(());
    }
    for _ in 0..MOST_WAITS {
        tokio::time::sleep(SETTLE).await;
        let now = app.pipeline_files().await?;
        if now == seen {
            break;
        }
        seen = now;
    }

    app.reload_pipelines(ReloadCause::ChangedFiles)
        .await
        .map(drop)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::internal)?
}

fn tell(pipelines: &Pipelines, outcomes: &[Reload], cause: ReloadCause) {
    for Reload {
        pipeline,
        outcome,
        usable,
        ..
    } in outcomes
    {
        match outcome {
            ReloadOutcome::Read => tracing::info!(pipeline, "the pipeline was read anew"),
            ReloadOutcome::Removed => {
                tracing::warn!(pipeline, "the pipeline is gone; it takes no new runs");
            }
            ReloadOutcome::Unchanged => {}
            ReloadOutcome::Broken => {
                let outdated = pipelines.outdated(pipeline);
                let broken = outdated.or_else(|| {
                    let mut broken = pipelines.broken();
                    broken.find(|broken| broken.name == pipeline)
                });
                let fault = broken.map(|broken| broken.fault);
                if *usable {
                    tracing::error!(
                        pipeline,
                        fault,
                        "the pipeline is broken; it works on by its last good definition"
                    );
                } else {
                    tracing::error!(pipeline, fault, "the pipeline is broken; it takes no runs");
                }
            }
        }
    }
    let count = |which: ReloadOutcome| {
        let of_it = outcomes.iter().filter(|one| one.outcome == which);
        of_it.count()
    };
    tracing::info!(
        %cause,
        read = count(ReloadOutcome::Read),
        unchanged = count(ReloadOutcome::Unchanged),
        broken = count(ReloadOutcome::Broken),
        removed = count(ReloadOutcome::Removed),
        "pipelines were read anew"
    );
}
