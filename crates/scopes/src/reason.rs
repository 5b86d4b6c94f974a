//! Why a model, or one refresh of it, is computed in full.

use sqlparser::ast::Expr;
use thiserror::Error;

/// Why scopes cannot be used. The words are meant for the model's author.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    #[error("the SQL could not be parsed: {0}")]
    Unparsed(String),
    #[error("the SQL was parsed, but not understood to the last word: it reads as {0}")]
    Unfaithful(String),
    #[error("{0} cannot be analysed")]
    Unsupported(String),
    #[error("the function `{0}` is not known to be deterministic")]
    UnknownFunction(String),
    #[error("`{0}` gives another result each time; materialize the model as a table")]
    Random(String),
    #[error("`{0}` is not a table of this pipeline, a model or a declared source")]
    UnknownTable(String),
    #[error("column `{0}` is not found, or found twice")]
    UnknownColumn(String),
    #[error("`{column}` cannot cut the model into scopes: {why}")]
    NoScope { column: String, why: String },
    #[error("no column of the unique key can cut the model into scopes: {0}")]
    NoScopes(String),
    #[error("{0} changed, and no equality links it to the scope")]
    NotLinked(String),
    #[error(
        "the result of a subquery or of an aggregate of all rows changed, and no equality links it to the scope"
    )]
    NotLinkedSubquery,
    #[error("the time of the refresh decides over more than one table: `{0}`")]
    Clock(String),
}

pub(crate) type Result<T> = std::result::Result<T, Reason>;

impl Reason {
    pub(crate) fn no_scope(expr: &Expr, why: &str) -> Self {
        Self::NoScope {
            column: expr.to_string(),
            why: why.into(),
        }
    }
}

/// The reason for a construct outside of what the analysis knows.
pub(crate) fn unsupported<T>(what: impl Into<String>) -> Result<T> {
    Err(Reason::Unsupported(what.into()))
}
