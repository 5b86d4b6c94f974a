//! What is wrong with a file.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// A message is cut to these lengths, in characters: each quoted part, and the whole message.
const LONGEST_QUOTED: usize = 100;
const LONGEST: usize = 2_000;

/// A fault with its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// The file below the project's folder.
    pub file: String,
    pub line: Option<usize>,
    /// What is wrong, and what to do about it.
    pub message: String,
}

/// The faults and the warnings of a project.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) faults: Vec<Fault>,
    /// What has no effect.
    pub(crate) warnings: Vec<Fault>,
}

impl Said {
    pub(crate) fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(crate) fn warning(&mut self, warning: Fault) {
        self.warnings.push(warning);
    }

    /// The same, with each fault and warning once: that of a folder comes with each of its models.
    pub(crate) fn once(self) -> Self {
        Self {
            faults: once(self.faults),
            warnings: once(self.warnings),
        }
    }
}

fn once(faults: Vec<Fault>) -> Vec<Fault> {
    let mut seen = HashSet::new();

    faults
        .into_iter()
        .filter(|fault| seen.insert(fault.clone()))
        .collect()
}

impl Fault {
    #[must_use]
    pub fn new(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: None,
            message: shortened(&message.into()),
        }
    }

    pub(crate) fn at(mut self, line: Option<usize>) -> Self {
        self.line = line;
        self
    }
}

/// A message in which nothing is long that a file says.
fn shortened(message: &str) -> String {
    let parts = message.split('`').zip([false, true].into_iter().cycle());
    let parts: Vec<Cow<'_, str>> = parts
        .map(|(part, is_quoted)| cut(part, if is_quoted { LONGEST_QUOTED } else { LONGEST }))
        .collect();

    cut(&parts.join("`"), LONGEST).into_owned()
}

/// The text, or its begin with `…`.
fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}
