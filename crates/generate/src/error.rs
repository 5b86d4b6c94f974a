//! What can keep the generator from its work.

use std::path::PathBuf;
use std::time::Duration;

use crate::name::{Identifier, QualifiedName};

/// Why the generator stopped. The message says what to do; the source says what Postgres or the system said.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    #[error(
        "cannot connect: check that Postgres is up and that `--url` names its user, password and database"
    )]
    Connect(#[source] tokio_postgres::Error),

    #[error(
        "cannot prepare the schema {schema}: the user needs the right to create there, \
         and tables called customers and orders must be the generator's own"
    )]
    Prepare {
        schema: Identifier,
        source: tokio_postgres::Error,
    },

    #[error("{0} has the column `audit_transaction_id`: drop the table, or leave out `--no-xid`")]
    LogHasTransactionId(QualifiedName),

    /// A write failed, and a retry would fail, too.
    #[error(
        "a write failed; what was committed before stays, so correct the cause and run this again"
    )]
    Write(#[source] tokio_postgres::Error),

    #[error(
        "a transaction lost against others {attempts} times: use fewer writers, `--concurrency`"
    )]
    Contended {
        attempts: u32,
        source: tokio_postgres::Error,
    },

    #[error("cannot write files into `{}`: name a folder by `--into` that this user may write to", .folder.display())]
    Folder {
        folder: PathBuf,
        source: std::io::Error,
    },

    /// The folder has files of this seed; new ones would have the same names and numbers.
    #[error("`{}` has files of seed {seed}: go on with another `--seed`, or name another folder by `--into`", .folder.display())]
    SeedUsed { folder: PathBuf, seed: u32 },

    /// The time between two files would be negative.
    #[error(
        "`--jitter` is {jitter:?}, and `--interval` is {interval:?}: give a jitter of at most the interval"
    )]
    Jitter {
        jitter: Duration,
        interval: Duration,
    },

    #[error(
        "the name of {0} is too long for its trigger function: use at most 54 bytes in `--audit-table`"
    )]
    LongLogName(QualifiedName),
}
