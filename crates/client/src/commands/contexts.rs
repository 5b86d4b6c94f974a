//! `icefront context`: servers by name.

use std::path::PathBuf;

use crate::context::{Context, Contexts, address};
use crate::fault::{Exit, Fault, Result};
use crate::output::{Cell, Format, Output};

/// The file is `~/.config/icefront/config.toml`. A token is never in it, only the name of a file with the token.
#[derive(Debug, clap::Args)]
pub struct ContextCommand {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the servers; `*` marks the one that commands ask
    List,
    /// Choose the server that commands ask
    Use {
        /// Its name
        name: String,
    },
    /// Add a server, or change it
    Set {
        /// Its name
        name: String,
        /// Its address, such as `https://icefront.example.com`
        #[arg(long, value_name = "URL")]
        server: String,
        /// A file with the token that is sent to it
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
    /// Delete a server from the list
    Delete {
        /// Its name
        name: String,
    },
}

impl ContextCommand {
    pub(crate) fn act(self) -> Result<Exit> {
        let mut contexts = Contexts::load()?;
        match self.verb.unwrap_or(Verb::List) {
            Verb::List => list(&contexts)?,
            Verb::Use { name } => {
                contexts.get(&name)?;
                contexts.current = Some(name);
                contexts.save()?;
            }
            Verb::Set {
                name,
                server,
                token_file,
            } => {
                address(&server)?;
                let token_file = token_file
                    .map(|path| {
                        path.canonicalize().map_err(|fault| {
                            Fault::Usage(format!(
                                "`{}` cannot be used: {fault}; name a file with the token",
                                path.display()
                            ))
                        })
                    })
                    .transpose()?;
                contexts.current.get_or_insert_with(|| name.clone());
                contexts
                    .contexts
                    .insert(name, Context { server, token_file });
                contexts.save()?;
            }
            Verb::Delete { name } => {
                contexts.get(&name)?;
                contexts.contexts.remove(&name);
                contexts.current.take_if(|current| *current == name);
                contexts.save()?;
            }
        }

        Ok(Exit::Succeeded)
    }
}

fn list(contexts: &Contexts) -> Result<()> {
    let rows = contexts.contexts.iter().map(|(name, context)| {
        let is_current = contexts.current.as_ref() == Some(name);
        vec![
            Cell::text(if is_current { "*" } else { "" }),
            Cell::text(name),
            Cell::text(&context.server),
            Cell::maybe(
                context
                    .token_file
                    .as_ref()
                    .map(|path| path.display().to_string()),
            ),
        ]
    });

    Output::new(Format::Table, false).table(&["", "NAME", "SERVER", "TOKEN FILE"], rows.collect())
}
