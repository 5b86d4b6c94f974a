//! Reads definitions of callers in a process of its own: a template can take any time and memory, and only ending the process
//! stops it.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use rustix::process::{Resource, Rlimit, Signal, nice, set_parent_process_death_signal, setrlimit};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::pipeline::{Checked, Finding, Reader, written};

/// The memory of the process, in bytes.
const MEMORY: u64 = 1 << 30;
/// The processor time of the process, in seconds.
const PROCESSOR_SECONDS: u64 = 15;
/// Other work may take the processor from it.
const LONGEST: Duration = Duration::from_mins(1);
/// What the process may answer, in bytes.
const LONGEST_ANSWER: u64 = 16 << 20;
/// Runs come first.
const NICENESS: i32 = 10;

/// What reading a folder found.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) findings: Vec<Finding>,
    /// Nothing, if a finding is an error.
    pub(super) definition: Option<Written>,
}

/// The tables that a pipeline writes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Written {
    pub(super) pipeline: String,
    /// In lower case.
    pub(super) tables: Vec<String>,
}

/// Read the folder of a pipeline, and print what was found as JSON.
#[derive(Debug, Args)]
pub struct ReadFolder {
    folder: PathBuf,
    /// Who reads the findings
    #[arg(long)]
    reader: Reader,
}

impl ReadFolder {
    /// Gives what was found, as JSON. From here on, this process has little memory and time.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the limits cannot be set.
    pub fn run(&self, config: &Config) -> Result<String> {
        for (resource, most) in [
            (Resource::As, MEMORY),
            (Resource::Cpu, PROCESSOR_SECONDS),
            (Resource::Core, 0),
        ] {
            let limit = Rlimit {
                current: Some(most),
                maximum: Some(most),
            };
            setrlimit(resource, limit).map_err(Error::internal)?;
        }
        // If the service is killed, nobody waits for the answer.
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(Error::internal)?;
        nice(NICENESS).map_err(Error::internal)?;
        let Checked {
            definition,
            findings,
        } = Checked::read(&self.folder, config, |_| self.reader);
        let definition = definition.map(|definition| Written {
            tables: written(&definition, config).collect(),
            pipeline: definition.name,
        });
        let outcome = Outcome {
            findings,
            definition,
        };

        serde_json::to_string(&outcome).map_err(Error::internal)
    }
}

/// Has a process read a folder. `reader` limits what the findings show.
///
/// # Errors
///
/// [`Error::Internal`] if there can be no process, or if it fails by itself.
pub(super) async fn read(config: &Config, folder: &Path, reader: Reader) -> Result<Outcome> {
    let mut command = Command::new(&config.program);
    command.arg("read-folder").arg(folder);
    command.arg("--reader").arg(reader.as_str());
    if let Some(file) = &config.file {
        command.arg("--config").arg(file);
    }
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let mut process = command.spawn().map_err(Error::internal)?;
    let Some(answer) = process.stdout.take() else {
        return Err(Error::internal("the process has no output"));
    };
    let mut text = Vec::new();
    let answered = async {
        let read = answer.take(LONGEST_ANSWER).read_to_end(&mut text).await;
        read.map_err(Error::internal)?;
        process.wait().await.map_err(Error::internal)
    };
    match tokio::time::timeout(LONGEST, answered).await {
        Ok(Err(error)) => Err(error),
        Ok(Ok(status)) if status.success() => {
            serde_json::from_slice(&text).map_err(Error::internal)
        }
        Ok(Ok(status)) if status.signal().is_none() => Err(Error::internal(format!(
            "the process that reads definitions of callers failed: {status}; the log has its message"
        ))),
        // A limit ended it.
        _ => Ok(Outcome {
            findings: vec![Finding::of_templates(&format!(
                "reading it took more than {PROCESSOR_SECONDS} s or {} MiB of memory; does a template make a text longer and longer?",
                MEMORY >> 20
            ))],
            definition: None,
        }),
    }
}
