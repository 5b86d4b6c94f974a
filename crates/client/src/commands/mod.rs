//! The commands: each reads its options, makes its calls, and prints.

mod changes;
mod contexts;
mod freshness;
mod history;
mod leftovers;
mod models;
mod pages;
mod pipelines;
mod rejects;
mod repair;
mod reset;
mod rows;
mod run;
mod runs;
mod sources;
mod status;
mod tables;
mod test;
mod validate;

use std::process::ExitCode;

use clap::Args;

use crate::context::Target;
use crate::fault::{EXIT_CODES, Exit, Result};
use crate::output::{Format, Output, tell};
use crate::server::Server;

/// Commands that ask a running service.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Start a run of a pipeline, and wait for its end if you ask for that
    #[command(after_help = EXIT_CODES)]
    Run(Call<run::Run>),
    /// List runs, newest first; or show, follow, cancel or retry one
    #[command(args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
    Runs(Call<runs::Runs>),
    /// Show all pipelines: their last run, their freshness and their rejects
    Status(Call<status::Status>),
    /// Show how old the data of tables and models is
    #[command(after_help = EXIT_CODES)]
    Freshness(Call<freshness::Fresh>),
    /// Show how many rows of tables and models changed
    Changes(Call<changes::Changes>),
    /// List tables
    Tables(Call<tables::Tables>),
    /// Show rows of a table, as they are or as they were
    Rows(Call<rows::Rows>),
    /// Show what happened to a row of a table: all its versions
    History(Call<history::History>),
    /// List events that were rejected; replay or dismiss them
    #[command(args_conflicts_with_subcommands = true)]
    Rejects(Call<rejects::Rejects>),
    /// Run all declared tests of a table over all its rows
    #[command(after_help = EXIT_CODES)]
    Test(Call<test::Test>),
    /// Compare a table with its typed log
    #[command(after_help = EXIT_CODES)]
    Verify(Call<repair::Repair>),
    /// Make current rows and history again from the typed log
    #[command(after_help = EXIT_CODES)]
    Rebuild(Call<repair::Repair>),
    /// Make the typed log again from what landed, then current rows and history
    #[command(after_help = EXIT_CODES)]
    Restage(Call<repair::Repair>),
    /// Read a table again from its source, then build
    #[command(after_help = EXIT_CODES)]
    Resync(Call<repair::Repair>),
    /// Begin a table anew from its source; without `--confirm`, show what that would delete
    #[command(after_help = EXIT_CODES)]
    Reset(Call<reset::Reset>),
    /// List what removed tables and models left behind, or delete it
    #[command(args_conflicts_with_subcommands = true)]
    Leftovers(Call<leftovers::Leftovers>),
    /// List sources, or check one
    #[command(args_conflicts_with_subcommands = true)]
    Sources(Call<sources::Sources>),
    /// Show what the next run of a pipeline would do to its tables and models
    Plan(Call<pipelines::Plan>),
    /// Check the files of a pipeline before they are on the service, or the SQL of a pipeline's models
    Validate(Call<validate::Validate>),
    /// Stop runs of a pipeline from starting by themselves
    Pause(Call<pipelines::Pause>),
    /// Let runs of a pipeline start by themselves again
    Resume(Call<pipelines::Resume>),
    /// List models; or show, refresh or print the SQL of one
    #[command(args_conflicts_with_subcommands = true)]
    Models(Call<models::Models>),
    /// List servers that you know by a name; add one, or choose the one that commands ask
    Context(contexts::ContextCommand),
    /// Print the script that completes these commands in a shell
    Completions(pages::Completions),
    /// Write a manual page for each command
    Man(pages::Man),
}

/// A command to a service.
#[derive(Debug, Args)]
pub struct Call<T: Args> {
    #[command(flatten)]
    what: T,
    #[command(flatten)]
    options: Options,
}

impl<T: Args> Call<T> {
    fn map(self, change: impl FnOnce(T) -> T) -> Self {
        Self {
            what: change(self.what),
            ..self
        }
    }
}

/// Which service is asked, and how its answer is printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server and output")]
pub(crate) struct Options {
    /// The service's address. Without it: `--context`, `ICEFRONT_SERVER`, the current context, `http://localhost:7070`
    #[arg(long, value_name = "URL", global = true)]
    server: Option<String>,
    /// The server of this name; `icefront context` lists them
    #[arg(long, value_name = "NAME", global = true)]
    context: Option<String>,
    /// How to print the answer
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = Format::Table, global = true)]
    output: Format,
    /// Print without colors, as with `NO_COLOR=1`
    #[arg(long, global = true)]
    no_color: bool,
}

/// A service, and a place to print its answers.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) server: Server,
    pub(crate) output: Output,
}

/// What a command does.
pub(crate) trait Act {
    async fn act(self, client: &Client) -> Result<Exit>;
}

async fn make<T: Args + Act>(call: Call<T>) -> Result<Exit> {
    let Options {
        server,
        context,
        output,
        no_color,
    } = call.options;
    let client = Client {
        server: Server::new(Target::find(server.as_deref(), context.as_deref())?)?,
        output: Output::new(output, no_color),
    };

    call.what.act(&client).await
}

/// Reads the most rows to print.
fn limit(text: &str) -> std::result::Result<usize, String> {
    let limit = text.parse().ok().filter(|limit| *limit > 0);

    limit.ok_or_else(|| "it must be a number from 1".to_owned())
}

impl Command {
    /// Does what the command says. `program` is the whole command line, for completions and manual pages.
    pub async fn execute(self, program: clap::Command) -> ExitCode {
        let ended = match self {
            Self::Run(call) => make(call).await,
            Self::Runs(call) => make(call).await,
            Self::Status(call) => make(call).await,
            Self::Freshness(call) => make(call).await,
            Self::Changes(call) => make(call).await,
            Self::Tables(call) => make(call).await,
            Self::Rows(call) => make(call).await,
            Self::History(call) => make(call).await,
            Self::Rejects(call) => make(call).await,
            Self::Test(call) => make(call).await,
            Self::Verify(call) => make(call.map(|of| of.by("verify"))).await,
            Self::Rebuild(call) => make(call.map(|of| of.by("rebuild"))).await,
            Self::Restage(call) => make(call.map(|of| of.by("restage"))).await,
            Self::Resync(call) => make(call.map(|of| of.by("resync"))).await,
            Self::Reset(call) => make(call).await,
            Self::Leftovers(call) => make(call).await,
            Self::Sources(call) => make(call).await,
            Self::Plan(call) => make(call).await,
            Self::Validate(call) => make(call).await,
            Self::Pause(call) => make(call).await,
            Self::Resume(call) => make(call).await,
            Self::Models(call) => make(call).await,
            Self::Context(contexts) => contexts.act(),
            Self::Completions(completions) => completions.act(program),
            Self::Man(man) => man.act(program),
        };
        let exit = ended.unwrap_or_else(|fault| {
            if let Some(told) = fault.told() {
                tell(&told);
            }
            fault.exit()
        });

        ExitCode::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use clap::Subcommand;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Command::augment_subcommands(clap::Command::new("icefront")).debug_assert();
    }
}
