//! Names of tables and columns as users type them, and as SQL wants them.

use std::fmt;
use std::str::FromStr;

use postgres_protocol::escape::{escape_identifier, escape_literal};

/// What Postgres keeps of a name, in bytes; it cuts longer ones without an error.
const LONGEST: usize = 63;

/// One name in the database, taken exactly as typed: `Orders` is not `orders`. Displayed as SQL wants it, in quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier(String);

/// A table and its schema, typed as `orders`, `public.orders` or `"odd.schema"."odd table"`; the schema is `public` by
/// default. Displayed as SQL wants it, in quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualifiedName {
    pub schema: Identifier,
    pub name: Identifier,
}

/// Why a text is no name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    /// Postgres could not have this name, or would cut it.
    #[error("a name has 1 to {LONGEST} bytes, and no control characters")]
    Impossible,
    /// The name would end a quotation in the trigger's SQL file.
    #[error(
        "names with `{{{{` or `$icefront$` are not supported: install crates/generate/sql/audit_log.sql and audit_trigger.sql by hand"
    )]
    Reserved,
    /// There are not one or two names, or a quotation has no end.
    #[error(
        "a table is typed as `orders` or `public.orders`, with names that hold dots in double quotes"
    )]
    Parts,
}

impl Identifier {
    /// The bare name, without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that this program itself gives.
    pub(crate) fn known(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    /// The name as an SQL string: `'order_id'`.
    pub(crate) fn literal(&self) -> String {
        literal(&self.0)
    }
}

impl QualifiedName {
    /// The quoted name as an SQL string, which `::regclass` reads: `'"public"."orders"'`.
    pub(crate) fn literal(&self) -> String {
        literal(&self.to_string())
    }
}

fn literal(text: &str) -> String {
    // A blank stands before the escape form, for literals that follow a word.
    escape_literal(text).trim_start().to_owned()
}

impl FromStr for Identifier {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > LONGEST || text.contains(char::is_control) {
            return Err(NameError::Impossible);
        }
        if text.contains("{{") || text.contains("$icefront$") {
            return Err(NameError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for QualifiedName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (first, rest) = take_name(text)?;
        let Some(rest) = rest else {
            return Ok(Self {
                schema: Identifier::known("public"),
                name: first.parse()?,
            });
        };
        match take_name(rest)? {
            (second, None) => Ok(Self {
                schema: first.parse()?,
                name: second.parse()?,
            }),
            _ => Err(NameError::Parts),
        }
    }
}

/// Splits off the first name, and what comes after its dot.
fn take_name(text: &str) -> Result<(String, Option<&str>), NameError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (name, rest) = text
            .split_once('.')
            .map_or((text, None), |(name, rest)| (name, Some(rest)));
        return Ok((name.to_owned(), rest));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('"').ok_or(NameError::Parts)?;
        name.push_str(part);
        // A doubled quote stands for one.
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None if after.is_empty() => return Ok((name, None)),
            None => return Ok((name, Some(after.strip_prefix('.').ok_or(NameError::Parts)?))),
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&escape_identifier(&self.0))
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.schema, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, NameError> {
        text.parse::<QualifiedName>().map(|name| name.to_string())
    }

    #[test]
    fn names_are_taken_as_typed_and_shown_in_quotes() {
        assert_eq!(shown("orders").as_deref(), Ok(r#""public"."orders""#));
        assert_eq!(shown("Shop.Orders").as_deref(), Ok(r#""Shop"."Orders""#));
        assert_eq!(shown(r#""a.b"."c""d""#).as_deref(), Ok(r#""a.b"."c""d""#));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert_eq!(shown("a.b.c"), Err(NameError::Parts));
        assert_eq!(shown("\"a"), Err(NameError::Parts));
        assert_eq!(shown("\"a\"b"), Err(NameError::Parts));
        assert_eq!(shown("a."), Err(NameError::Impossible));
        assert_eq!(shown("a\nb"), Err(NameError::Impossible));
        assert_eq!(shown("a$icefront$b"), Err(NameError::Reserved));
    }
}
