//! What is wrong with a file of a pipeline: where it is, what it is, and what to do about it.

use std::fmt;

use icefront_project::Fault;
use serde::{Deserialize, Serialize};

use super::Severity;
use crate::error::with_nearest;

/// The file with the definition, below the folder of the pipeline.
pub(super) const FILE: &str = "pipeline.yaml";

/// Something wrong with a file of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = DefinitionFinding, example = json!({
    "severity": "error",
    "file": "pipeline.yaml",
    "line": 6,
    "line_column": 5,
    "detail": "unknown field `kye`, expected one of from, key",
    "remedy": "did you mean `key`?",
}))]
pub struct Finding {
    /// `error`: the pipeline cannot run. `warn`: something has no effect.
    pub severity: Severity,
    /// The file, below the folder of the pipeline.
    pub file: String,
    /// The line, counted from 1; `null` if it is not known.
    pub line: Option<usize>,
    /// The column, counted from 1; `null` if it is not known.
    pub line_column: Option<usize>,
    /// What is wrong.
    pub detail: String,
    /// What to do about it; `null` if `detail` says it.
    pub remedy: Option<String>,
}

/// The line and the column of something in a file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Finding {
    /// A message says what is wrong, then `; ` and what to do. One of a YAML reader ends with its place.
    pub(super) fn error(file: &str, message: &str) -> Self {
        Self::new(Severity::Error, file, message)
    }

    /// An error of all templates together.
    #[must_use]
    pub fn of_templates(message: &str) -> Self {
        Self::error("models", message)
    }

    pub(super) fn of_yaml(fault: &serde_saphyr::Error) -> Self {
        let message = with_nearest(&fault.to_string());

        Self::error(
            FILE,
            // The limits of the reader.
            &match message.strip_prefix("budget breached") {
                Some(which) => format!(
                    "the YAML is too large or too deeply nested{which}; write fewer anchors, or split the pipeline"
                ),
                None => message
                    .replace(
                        "recursion limit exceeded",
                        "the YAML is too deeply nested; write it flatter",
                    )
                    .replace(
                        "expected sequence start",
                        "a list must stand here; write one such as `[order_id]`",
                    )
                    .replace(
                        "unexpected end of input",
                        "the file ends too early; `icefront init` writes a whole one",
                    ),
            },
        )
    }

    pub(super) fn of_fault(severity: Severity, fault: &Fault) -> Self {
        let finding = Self::new(severity, &fault.file, &fault.message);

        Self {
            line: fault.line.or(finding.line),
            ..finding
        }
    }

    fn new(severity: Severity, file: &str, message: &str) -> Self {
        let (message, position) = without_place(message);
        let (detail, remedy) = parts(&message);

        Self {
            severity,
            file: file.to_owned(),
            line: position.map(|position| position.line),
            line_column: position.map(|position| position.column),
            detail: detail.to_owned(),
            remedy: remedy.map(str::to_owned),
        }
    }

    /// The same, with a place if it has none.
    pub(super) fn at(self, position: Option<Position>) -> Self {
        match position {
            Some(position) if self.line.is_none() => Self {
                line: Some(position.line),
                line_column: Some(position.column),
                ..self
            },
            _ => self,
        }
    }

    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        for number in [self.line, self.line_column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        write!(f, ": {}", self.detail)?;
        match &self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

/// Takes ` at line 6, column 5` out of a message.
fn without_place(message: &str) -> (String, Option<Position>) {
    let place = message.split_once(" at line ").and_then(|(before, rest)| {
        let (line, rest) = number(rest)?;
        let (column, rest) = number(rest.strip_prefix(", column ")?)?;
        Some((format!("{before}{rest}"), Position { line, column }))
    });

    match place {
        Some((message, position)) => (message, Some(position)),
        None => (message.to_owned(), None),
    }
}

fn number(text: &str) -> Option<(usize, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());

    Some((text[..end].parse().ok()?, &text[end..]))
}

/// What is wrong, and what to do: a `; ` between backticks separates nothing.
fn parts(message: &str) -> (&str, Option<&str>) {
    let mut is_quoted = false;
    for (at, character) in message.char_indices() {
        match character {
            '`' => is_quoted = !is_quoted,
            ';' if !is_quoted && message[at..].starts_with("; ") => {
                return (&message[..at], Some(&message[at + 2..]));
            }
            _ => {}
        }
    }

    (message, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_apart() {
        let finding = Finding::error(
            FILE,
            "unknown field `a; b` at line 6, column 5; did you mean `c`?",
        );
        assert_eq!(
            finding.to_string(),
            "pipeline.yaml:6:5: unknown field `a; b`; did you mean `c`?"
        );
        assert_eq!(finding.detail, "unknown field `a; b`");
        assert_eq!(finding.remedy.as_deref(), Some("did you mean `c`?"));
    }
}
