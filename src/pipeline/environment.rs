//! The environment variables that texts of `pipeline.yaml` may name as `${NAME}`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Reader;
use crate::config::{Allowed, Config};
use crate::error::did_you_mean;

/// What a reference begins with. With another `$` before it, it is no reference.
const OPENING: &str = "${";

/// Replaces a value that the reader may not see. It is a duration, so that most fields take it.
const STAND_IN: &str = "1d";

/// The variables that a pipeline may name: `pipelines.env` lists them, and `pipelines.allowed` does not refuse them.
#[derive(Debug)]
pub(super) struct Environment {
    values: BTreeMap<String, Option<String>>,
    allowed: Allowed,
    reader: Reader,
}

impl Environment {
    pub(super) fn of(config: &Config, allowed: &Allowed, reader: Reader) -> Self {
        let names = config.pipelines.env.iter();
        let names = names.filter(|name| allowed.variable(name));
        let value = |name: &String| match reader {
            Reader::Trusted => std::env::var(name).ok(),
            Reader::Granted | Reader::Stranger => Some(STAND_IN.to_owned()),
        };

        Self {
            values: names.map(|name| (name.clone(), value(name))).collect(),
            allowed: allowed.clone(),
            reader,
        }
    }

    /// Each variable with its value, if it is set.
    pub(super) fn into_values(self) -> BTreeMap<String, Option<String>> {
        self.values
    }

    /// Whether a text has something to fill in.
    pub(super) fn concerns(text: &str) -> bool {
        text.contains(OPENING)
    }

    /// Puts the values of variables in the place of their names. `$${` gives `${`.
    ///
    /// # Errors
    ///
    /// A sentence about the first name that has no value. It never quotes a value.
    pub(super) fn fill<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, String> {
        if !Self::concerns(text) {
            return Ok(text.into());
        }
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(OPENING) {
            if let Some(before) = before.strip_suffix('$') {
                filled.push_str(before);
                filled.push_str(OPENING);
                rest = after;
                continue;
            }
            let (name, after) = after
                .split_once('}')
                .filter(|(name, _)| is_name(name))
                .ok_or("`${` is not followed by the name of an environment variable and `}`; write `${NAME}`, or `$${` for these two characters")?;
            filled.push_str(before);
            filled.push_str(self.value(name)?);
            rest = after;
        }
        filled.push_str(rest);

        Ok(filled.into())
    }

    fn value(&self, name: &str) -> Result<&str, String> {
        match self.values.get(name) {
            _ if self.reader.is_stranger() => Ok(STAND_IN),
            Some(Some(value)) => Ok(value),
            Some(None) => Err(format!(
                "the environment variable `{name}` is not set; set it where the service starts"
            )),
            None => {
                let near = did_you_mean(name, self.values.keys().map(String::as_str));
                let setting = if self.allowed.variable(name) {
                    "pipelines.env".to_owned()
                } else {
                    self.allowed.setting("env")
                };
                Err(format!(
                    "the setting `{setting}` does not have `{name}`; add it there, or write `$${{` for the characters `${{`{near}"
                ))
            }
        }
    }
}

/// As shells name variables.
fn is_name(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';

    text.starts_with(is_letter) && text.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_put_in_as_it_is_and_never_read_again() {
        let values = [
            ("MARTS", Some("x: ${B}")),
            ("B", Some("b")),
            ("C_1", Some("")),
            ("D", None),
        ];
        let values = values.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
        let environment = Environment {
            values: values.into(),
            allowed: Allowed::everything("lake"),
            reader: Reader::Trusted,
        };
        for (text, filled) in [
            ("plain $B $1 {B}", "plain $B $1 {B}"),
            ("<${MARTS}>", "<x: ${B}>"),
            ("${B}${C_1}${B}", "bb"),
            ("$${B} $$${B}", "${B} $${B}"),
            ("ü${B}ü", "übü"),
        ] {
            assert_eq!(environment.fill(text).as_deref(), Ok(filled), "{text}");
        }
        for (text, told) in [
            ("${D}", "is not set"),
            ("${MARTZ}", "did you mean `MARTS`?"),
            ("${B", "write `${NAME}`"),
            ("${}", "write `${NAME}`"),
            ("${1}", "write `${NAME}`"),
            ("${B-x}", "write `${NAME}`"),
        ] {
            let fault = environment.fill(text).expect_err(text);
            assert!(fault.contains(told), "{text}: {fault}");
        }
    }
}
