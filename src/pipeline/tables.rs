//! Reads the `tables` of a `pipeline.yaml` one by one, so that a fault in one hides none in the others.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};

use super::environment::Environment;
use super::filled::Filled;
use super::{Finding, Table};

/// Reading ends after so many tables with a fault: each costs a reading of the whole text.
const MOST_FAULTS: usize = 20;

/// The tables of a definition.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// By name.
    pub(super) right: BTreeMap<String, Table>,
    /// The names of those with a fault.
    pub(super) wrong: BTreeSet<String>,
}

impl Tables {
    /// Reads them from the text of a `pipeline.yaml`. A fault outside of the tables is left to others.
    pub(super) fn read(text: &str, environment: &Environment, findings: &mut Vec<Finding>) -> Self {
        let mut wrong = BTreeSet::new();
        loop {
            let current = RefCell::new(None);
            let whole = OfPipeline {
                wrong: &wrong,
                current: &current,
            };
            let plainly = serde_saphyr::options! { with_snippet: false };
            let read =
                serde_saphyr::with_deserializer_from_str_with_options(text, plainly, |reader| {
                    Filled::new(reader, environment).deserialize_map(whole)
                });
            let fault = match read {
                Ok(right) => return Self { right, wrong },
                Err(fault) => fault,
            };
            let Some(name) = current.take() else {
                // Another reading has found it, if it is in another field.
                if findings.is_empty() {
                    findings.push(Finding::of_yaml(&fault));
                }
                return Self {
                    right: BTreeMap::new(),
                    wrong,
                };
            };
            findings.push(Finding::of_yaml(&fault));
            let is_last = wrong.len() >= MOST_FAULTS || !wrong.insert(name);
            if is_last {
                return Self {
                    right: BTreeMap::new(),
                    wrong,
                };
            }
        }
    }
}

/// Reads the map of a whole `pipeline.yaml`, and skips all but `tables`.
struct OfPipeline<'a> {
    wrong: &'a BTreeSet<String>,
    /// The table that is being read.
    current: &'a RefCell<Option<String>>,
}

impl<'de> Visitor<'de> for OfPipeline<'_> {
    type Value = BTreeMap<String, Table>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the fields of a pipeline")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut tables = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == "tables" {
                tables = map.next_value_seed(OfTables(&self))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }

        Ok(tables)
    }
}

/// Reads the map of `tables`.
struct OfTables<'a>(&'a OfPipeline<'a>);

impl<'de> DeserializeSeed<'de> for OfTables<'_> {
    type Value = BTreeMap<String, Table>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OfTables<'_> {
    type Value = BTreeMap<String, Table>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("tables by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut tables = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if self.0.wrong.contains(&name) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            self.0.current.replace(Some(name.clone()));
            let table = map.next_value()?;
            self.0.current.replace(None);
            tables.insert(name, table);
        }

        Ok(tables)
    }
}
