//! How the changes of tables are found.

use clap::ValueEnum;

/// How the changes of tables are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Triggers write each change into an audit log: exact, with every version and delete
    #[value(name = "postgres_audit_log")]
    AuditLog,
    /// A column such as `updated_at` tells which rows changed: nothing is added to the source
    #[value(name = "postgres_table")]
    Polled,
}
