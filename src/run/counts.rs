//! What a step did, in numbers by their names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts(BTreeMap<String, i64>);

impl Counts {
    /// The fields of a struct of counts.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if a field is no whole number.
    pub(super) fn of(counts: &impl Serialize) -> Result<Self> {
        let fields = serde_json::to_value(counts).map_err(Error::internal)?;

        serde_json::from_value(fields).map_err(Error::internal)
    }

    pub(super) fn set(&mut self, name: &str, count: i64) {
        self.0.insert(name.to_owned(), count);
    }

    /// Adds the counts of another part of the same step, name by name.
    pub(super) fn add(&mut self, more: &Self) {
        for (name, count) in &more.0 {
            *self.0.entry(name.clone()).or_default() += count;
        }
    }

    pub(super) fn to_json(&self) -> Value {
        self.0
            .iter()
            .map(|(name, count)| (name.clone(), Value::from(*count)))
            .collect()
    }
}

impl<const N: usize> From<[(&str, i64); N]> for Counts {
    fn from(counts: [(&str, i64); N]) -> Self {
        Self(counts.map(|(name, count)| (name.to_owned(), count)).into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_of_one_name_are_added_and_other_names_kept() {
        let mut counts = Counts::from([("events", 3), ("files", 1)]);
        counts.add(&Counts::from([("events", i64::MAX - 3), ("bytes", 7)]));
        assert_eq!(
            counts.to_json(),
            json!({"events": i64::MAX, "files": 1, "bytes": 7})
        );
    }

    #[test]
    fn what_is_no_whole_number_is_an_error_and_not_a_zero() {
        assert!(Counts::of(&json!({"events": 3})).is_ok());
        for broken in [json!({"events": "3"}), json!({"events": null}), json!(3)] {
            assert!(Counts::of(&broken).is_err(), "{broken}");
        }
    }
}
