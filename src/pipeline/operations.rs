//! What the rows of files say happened.

use serde::Deserialize;

/// The column that says what happened to a row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationColumn {
    /// Its name.
    pub column: String,
    /// Its texts by what they mean.
    #[serde(default)]
    pub values: Operations,
}

/// The texts of an operation column by what they mean.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Operations {
    /// A row came.
    pub insert: Vec<String>,
    /// A row changed.
    pub update: Vec<String>,
    /// A row went.
    pub delete: Vec<String>,
}

impl OperationColumn {
    /// Refuses texts with two meanings.
    pub(super) fn check(&self) -> Result<(), String> {
        let Operations {
            insert,
            update,
            delete,
        } = &self.values;
        let texts: Vec<_> = insert.iter().chain(update).chain(delete).collect();
        let twice = texts
            .iter()
            .enumerate()
            .find(|(at, text)| texts[..*at].contains(text));
        match twice {
            Some((_, text)) => Err(format!(
                "`source.operation.values` gives `{text}` two meanings"
            )),
            None => Ok(()),
        }
    }
}

impl Operations {
    /// What a text means: `I`, `U` or `D`; an unknown one stays as it is, and its row is a reject.
    #[must_use]
    pub fn meaning<'a>(&self, text: &'a str) -> &'a str {
        let is = |texts: &[String]| texts.iter().any(|known| known == text);
        if is(&self.insert) {
            "I"
        } else if is(&self.update) {
            "U"
        } else if is(&self.delete) {
            "D"
        } else if matches!(text, "I" | "U" | "D" | "T") {
            "?"
        } else {
            text
        }
    }
}

impl Default for Operations {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();

        Self {
            insert: texts(&["I", "c", "insert"]),
            update: texts(&["U", "u", "update"]),
            delete: texts(&["D", "d", "delete"]),
        }
    }
}
