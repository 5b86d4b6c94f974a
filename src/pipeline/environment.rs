//! The environment variables that texts of `pipeline.yaml` may name as `${NAME}`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::config::Config;
use crate::error::did_you_mean;

/// What a reference begins with. With another `$` before it, it is no reference.
const OPENING: &str = "${";

/// The variables that the setting `pipelines.env` lists, with their values.
#[derive(Debug)]
pub(super) struct Environment(BTreeMap<String, Option<String>>);

impl Environment {
    pub(super) fn of(config: &Config) -> Self {
        let names = config.pipelines.env.iter();

        Self(
            names
                .map(|name| (name.clone(), std::env::var(name).ok()))
                .collect(),
        )
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
        match self.0.get(name) {
            Some(Some(value)) => Ok(value),
            Some(None) => Err(format!(
                "the environment variable `{name}` is not set; set it where the service starts"
            )),
            None => {
                let near = did_you_mean(name, self.0.keys().map(String::as_str));
                Err(format!(
                    "the setting `pipelines.env` does not have `{name}`; add it there, or write `$${{` for the characters `${{`{near}"
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
        let environment = Environment(values.into());
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
