//! `icefront completions`, `icefront man`: what shells and `man` need to know of the command line.

use std::path::PathBuf;

use clap_complete::Shell;

use crate::fault::{Exit, Fault, Result};
use crate::output::{Format, Output};

const NAME: &str = "icefront";

/// `source <(icefront completions bash)`, or `icefront completions fish >~/.config/fish/completions/icefront.fish`.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub struct Man {
    /// The folder for the pages, such as `/usr/local/share/man/man1`; made if it is missing
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
}

impl Completions {
    pub(crate) fn act(self, mut program: clap::Command) -> Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, NAME, &mut script);

        Output::new(Format::Table, true).line(String::from_utf8_lossy(&script).trim_end())?;

        Ok(Exit::Succeeded)
    }
}

impl Man {
    pub(crate) fn act(self, program: clap::Command) -> Result<Exit> {
        let written = std::fs::create_dir_all(&self.to)
            .and_then(|()| clap_mangen::generate_to(program, &self.to));

        written.map(|()| Exit::Succeeded).map_err(|fault| {
            Fault::Usage(format!(
                "`{}` cannot be written: {fault}; name another folder by `--to`",
                self.to.display()
            ))
        })
    }
}
