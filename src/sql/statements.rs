//! The statements of `sql/statements/`, embedded and parsed at start, rendered with quoted names.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior, Value};
use serde::Serialize;

use super::{identifier, literal};
use crate::error::{Error, Result};

/// The files below `sql/statements/`, in the binary.
#[derive(rust_embed::RustEmbed)]
#[folder = "sql/statements/"]
pub struct Statements;

/// The text of a statement for Postgres, by its place below `sql/statements/`.
macro_rules! statement {
    ($path:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/sql/statements/",
            $path
        ))
    };
}
pub(crate) use statement;

static TEMPLATES: LazyLock<Result<Environment<'static>, minijinja::Error>> =
    LazyLock::new(templates);

/// Renders one statement, such as `staging/merge.sql`, for Trino. `context` is a struct with all that the template names: a
/// name that it lacks is [`Error::Internal`].
pub fn render(name: &str, context: impl Serialize) -> Result<String> {
    let templates = TEMPLATES
        .as_ref()
        .map_err(|fault| Error::internal(format!("{fault:#}")))?;
    templates
        .get_template(name)
        .and_then(|template| template.render(Serde(context)))
        .map_err(|fault| Error::internal(format!("{fault:#}")))
}

impl Statements {
    /// Parses every statement, so that a broken one stops the start and not a run: the error names file and line.
    pub fn check() -> Result<()> {
        TEMPLATES
            .as_ref()
            .map(|_| ())
            .map_err(|fault| Error::internal(format!("{fault:#}")))
    }
}

fn templates() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("sql".into()));
    environment.set_formatter(quoted);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    environment.add_filter("literal", |value: String| {
        Value::from_safe_string(literal(&value))
    });
    environment.add_filter("data_type", data_type);
    environment.add_filter("expression", Value::from_safe_string);
    for path in Statements::iter() {
        let file = Statements::get(&path).ok_or_else(|| missing(&path))?;
        let text = String::from_utf8(file.data.into_owned()).map_err(|_| missing(&path))?;
        environment.add_template_owned(path.into_owned(), text)?;
    }

    Ok(environment)
}

/// Lets a data type through as SQL text: letters, digits, blanks, commas, parentheses, and the names in a `row(…)` only.
fn data_type(name: &str) -> Result<Value, minijinja::Error> {
    if name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || " ,()_\"".contains(c))
    {
        Ok(Value::from_safe_string(name.to_owned()))
    } else {
        Err(minijinja::Error::new(
            ErrorKind::InvalidOperation,
            format!("`{name}` is no data type"),
        ))
    }
}

fn missing(path: &str) -> minijinja::Error {
    minijinja::Error::new(
        ErrorKind::TemplateNotFound,
        format!("`{path}` is not readable text"),
    )
}

/// Prints what a template names: an identifier, a dotted name or a whole number. SQL text comes only from templates, and by
/// `| expression` from models, and from the conditions that users declare as tests.
fn quoted(
    out: &mut Output<'_>,
    _: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    let text = if value.is_safe() {
        value.to_string()
    } else if let Some(name) = value.as_str() {
        identifier(name)
    } else if value.is_integer() {
        value.to_string()
    } else if value.kind() == minijinja::value::ValueKind::Seq {
        dotted(value)?
    } else {
        return Err(minijinja::Error::new(
            ErrorKind::InvalidOperation,
            format!("`{value}` is no identifier; use `| literal` for values"),
        ));
    };
    out.write_str(&text)?;

    Ok(())
}

fn dotted(name: &Value) -> Result<String, minijinja::Error> {
    let parts: Vec<String> = name
        .try_iter()?
        .map(|part| identifier(&part.to_string()))
        .collect();

    Ok(parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::Statements;

    #[test]
    fn every_statement_parses() {
        Statements::check().expect("every file below sql/statements is a template");
    }

    #[test]
    fn every_statement_begins_with_what_it_promises() {
        for path in Statements::iter() {
            let file = Statements::get(&path).expect("a file that is listed");
            let text = String::from_utf8(file.data.into_owned()).expect("a text");
            let is_comment = text.starts_with("-- ") || text.starts_with("{# ");
            assert!(is_comment, "the first line of {path} is no comment");
        }
    }
}
