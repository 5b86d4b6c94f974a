//! A statement that Trino refused or failed.

#[derive(Debug, thiserror::Error)]
#[error("Trino failed the statement with `{name}`: {message}")]
pub struct TrinoFailure {
    /// Trino's name of the error, such as `TABLE_NOT_FOUND`.
    pub name: String,
    /// Trino's class: `USER_ERROR`, `INTERNAL_ERROR`, `INSUFFICIENT_RESOURCES`, `EXTERNAL`.
    pub class: String,
    pub message: String,
    /// The statement's id in Trino.
    pub query_id: String,
    /// The line of the statement, counted from 1.
    pub line: Option<u32>,
}

impl TrinoFailure {
    /// Whether the statement names a table that is not there.
    #[must_use]
    pub fn is_missing_table(&self) -> bool {
        matches!(self.name.as_str(), "TABLE_NOT_FOUND" | "SCHEMA_NOT_FOUND")
    }
}
