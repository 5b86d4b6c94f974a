//! `icefront key new`: makes a key, and the line for the file of keys.

use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use super::grant::Grant;
use super::key::{NewKey, hash, hex};
use crate::config::parse_duration;

/// Keys with which callers show who they are.
#[derive(Debug, Args)]
pub struct Key {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key: print it, and the line for `auth.keys_file`
    New(NewArguments),
}

#[derive(Debug, Args)]
struct NewArguments {
    /// The caller's name in logs and runs, such as `airflow`
    #[arg(long)]
    name: String,
    /// A role on pipelines, such as `runner:shop`, `reader:crm_*` or `admin:*`; give it once for each
    #[arg(long = "grant", value_name = "ROLE:PIPELINE", required = true)]
    grants: Vec<Grant>,
    /// After this time the key is refused, such as `90d`; without it, the key holds until its line is removed
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    expires_in: Option<Duration>,
}

impl Key {
    /// Gives the key and the line. The key is nowhere else.
    #[must_use]
    pub fn run(&self) -> KeyText {
        let KeyCommand::New(new) = &self.command;
        let key = NewKey::random();
        let grants: Vec<String> = new
            .grants
            .iter()
            .map(|grant| format!("\"{grant}\""))
            .collect();
        let end = new
            .expires_in
            .and_then(|time| SignedDuration::try_from(time).ok());
        let end = end.map_or_else(String::new, |time| {
            let end = Timestamp::now()
                .round(jiff::Unit::Second)
                .unwrap_or_default()
                + time;
            format!(", not_after: \"{end}\"")
        });

        KeyText {
            line: format!(
                "- {{id: \"{}\", name: \"{}\", sha256: \"{}\", grants: [{}]{end}}}",
                key.id,
                new.name,
                hex(&hash(&key.text)),
                grants.join(", ")
            ),
            key: key.text,
        }
    }
}

/// A new key, for its owner, and the line of the file that lets it in.
#[derive(Debug)]
pub struct KeyText {
    pub key: String,
    pub line: String,
}

fn lifetime(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a time such as `90d` or `12h`".into())
}
