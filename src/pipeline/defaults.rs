//! `defaults` of `pipeline.yaml`: what its tables take unless they say otherwise.

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::marts::History;
use super::{ContractMode, CurrentRows, Deletes, Freshness, NewColumns, Properties, Table};
use crate::config::{DurationText, some_duration};

/// What every table takes unless it says otherwise. A table that has one of these fields takes nothing of it from here.
// What says which rows a table has cannot be shared: `from`, `key`, `where`, `columns`, `tests`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Defaults {
    /// The limits of the lag.
    freshness: Option<Freshness>,
    /// How the current rows are kept.
    current: Option<CurrentRows>,
    /// Which changes start a version, or `off`.
    history: Option<History>,
    /// Trino's properties of the tables of current rows and history.
    properties: Option<Properties>,
    /// The column of polled tables that rises with every change of a row.
    pub(super) cursor: Option<String>,
    /// Each poll reads the rows of this time before the last one again.
    #[serde(deserialize_with = "some_duration")]
    #[schemars(with = "DurationText")]
    overlap: Option<Duration>,
    /// How deletes of polled tables are found.
    pub(super) deletes: Option<Deletes>,
    /// What happens to columns that are new in the source.
    new_columns: Option<NewColumns>,
    /// Whether the tables follow the source's columns.
    contract: Option<ContractMode>,
}

impl Defaults {
    /// Gives a table what it does not state itself.
    pub(super) fn complete(&self, table: &mut Table, stated: &BTreeSet<&str>) {
        let mut taking = Taking {
            stated,
            taken: Vec::new(),
        };
        let cursor = self.cursor.clone().map(Some);
        taking.take("freshness", self.freshness.as_ref(), &mut table.freshness);
        taking.take("current", self.current.as_ref(), &mut table.current);
        taking.take("history", self.history.as_ref(), &mut table.history);
        taking.take(
            "properties",
            self.properties.as_ref(),
            &mut table.properties,
        );
        taking.take("cursor", cursor.as_ref(), &mut table.cursor);
        taking.take("overlap", self.overlap.as_ref(), &mut table.overlap);
        taking.take("deletes", self.deletes.as_ref(), &mut table.deletes);
        taking.take(
            "new_columns",
            self.new_columns.as_ref(),
            &mut table.new_columns,
        );
        taking.take("contract", self.contract.as_ref(), &mut table.contract);
        table.defaulted = taking.taken;
    }
}

struct Taking<'a> {
    stated: &'a BTreeSet<&'a str>,
    taken: Vec<&'static str>,
}

impl Taking<'_> {
    fn take<T: Clone>(&mut self, field: &'static str, default: Option<&T>, own: &mut T) {
        if let Some(default) = default
            && !self.stated.contains(field)
        {
            own.clone_from(default);
            self.taken.push(field);
        }
    }
}
