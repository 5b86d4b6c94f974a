//! What can keep `icefront generate` and `icefront audit-trigger` from doing their work.

use std::path::PathBuf;
use std::time::Duration;

use super::name::{Identifier, QualifiedName};

/// Why the generator stopped. Each message says what to do; the source says what Postgres or the system said.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The server cannot be reached, or does not let this user in.
    #[error(
        "cannot connect: check that Postgres is up and that `--url` names its user, password and database"
    )]
    Connect(#[source] tokio_postgres::Error),

    /// The tables or the triggers cannot be made.
    #[error(
        "cannot prepare the schema {schema}: the user needs the right to create there, \
         and tables called customers and orders must be the generator's own"
    )]
    Prepare {
        /// The schema that `--schema` named.
        schema: Identifier,
        /// What Postgres said.
        #[source]
        source: tokio_postgres::Error,
    },

    /// `--no-xid` was asked for, and the log has the column already.
    #[error("{0} has the column `audit_transaction_id`: drop the table, or leave out `--no-xid`")]
    LogHasTransactionId(QualifiedName),

    /// A write failed in a way that doing it again would not mend.
    #[error(
        "a write failed; what was committed before stays, so mend the cause and run this again"
    )]
    Write(#[source] tokio_postgres::Error),

    /// A transaction lost against others again and again.
    #[error(
        "a transaction lost against others {attempts} times: use fewer writers, `--concurrency`"
    )]
    Contended {
        /// How often it was tried.
        attempts: u32,
        /// What Postgres said at last.
        #[source]
        source: tokio_postgres::Error,
    },

    /// A file cannot be written.
    #[error("cannot write files into `{}`: name a folder by `--into` that this user may write to", .folder.display())]
    Folder {
        /// The folder that `--into` named.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },

    /// The folder has files of this seed, which others would have the same names and numbers as.
    #[error("`{}` has files of seed {seed}: go on with another `--seed`, or name another folder by `--into`", .folder.display())]
    SeedUsed {
        /// The folder that `--into` named.
        folder: PathBuf,
        /// The seed that `--seed` gave.
        seed: u32,
    },

    /// The time between two files would be negative.
    #[error(
        "`--jitter` is {jitter:?}, and `--interval` is {interval:?}: give a jitter of at most the interval"
    )]
    Jitter {
        /// What `--jitter` gave.
        jitter: Duration,
        /// What `--interval` gave.
        interval: Duration,
    },

    /// No name for the trigger function can be made from the log's name.
    #[error(
        "the name of {0} is too long for its trigger function: use at most 54 bytes in `--audit-table`"
    )]
    LongLogName(QualifiedName),
}
