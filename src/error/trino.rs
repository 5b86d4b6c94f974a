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
