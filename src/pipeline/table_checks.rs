//! Finds what is wrong with a tracked table, before a source is asked.

use std::collections::{BTreeMap, BTreeSet};

use super::marts::Tracked;
use super::misfit::Misfit;
use super::own_columns::is_own_column;
use super::{Check, Column, CompareKeys, CurrentRows, Freshness, SourceDefinition, Table};
use crate::error::did_you_mean;

impl Table {
    /// Refuses properties that name a column which the tables with these columns do not have.
    ///
    /// # Errors
    ///
    /// A sentence with the nearest column.
    pub fn check_properties(&self, columns: &[Column]) -> Result<(), String> {
        let Some(missing) = self.properties.missing(columns) else {
            return Ok(());
        };
        let near = did_you_mean(&missing, columns.iter().map(|column| column.name.as_str()));

        Err(format!(
            "`tables.{}.properties` names `{missing}`, which is no column of the table{near}",
            self.id.name
        ))
    }

    /// What no source can make right.
    pub(super) fn check(&self) -> Vec<Misfit> {
        let name = &self.id.name;
        let mut misfits = Vec::new();
        if self.key.is_empty() {
            misfits.push(Misfit {
                path: vec!["key"],
                message: format!(
                    "`tables.{name}.key` is empty; name the columns that identify a row"
                ),
            });
        }
        if self.current == CurrentRows::View && self.history.is_off {
            misfits.push(Misfit {
                path: vec!["current"],
                message: format!(
                    "`tables.{name}` has `current: view` and `history: off`, but that view needs a history; remove one of them"
                ),
            });
        }
        let Freshness {
            warn_after,
            error_after,
        } = self.freshness;
        if warn_after
            .zip(error_after)
            .is_some_and(|(warn, error)| warn > error)
        {
            misfits.push(Misfit {
                path: vec!["freshness"],
                message: format!(
                    "`tables.{name}.freshness` has a `warn_after` above its `error_after`, so it never warns; lower `warn_after`, or remove it"
                ),
            });
        }
        for column in &self.columns {
            if let Err(fault) = column.column(&[]) {
                misfits.push(Misfit {
                    path: vec!["columns"],
                    message: format!("`tables.{name}.columns`, `{}`: {fault}", column.name),
                });
            }
        }
        misfits.extend(self.properties.check(name, self.marts()));

        misfits
    }

    /// Refuses `cursor`, `deletes` and `where` of tables that are not polled, and a polled table without `cursor`.
    pub(super) fn check_cursor(&self, source: &SourceDefinition) -> Result<(), String> {
        let name = &self.id.name;
        match (source, &self.cursor) {
            (SourceDefinition::PostgresTable { .. }, None) => Err(format!(
                "`tables.{name}.cursor` is missing; name the column that rises with every change of a row, such as `updated_at`"
            )),
            (SourceDefinition::PostgresAuditLog { .. } | SourceDefinition::Files(_), Some(_)) => {
                Err(format!(
                    "`tables.{name}.cursor` is only for sources of kind `postgres_table`; remove it"
                ))
            }
            (SourceDefinition::PostgresAuditLog { .. } | SourceDefinition::Files(_), None)
                if self.deletes.compare_keys != CompareKeys::Off =>
            {
                Err(format!(
                    "`tables.{name}.deletes` is only for sources of kind `postgres_table`; an audit log and files contain deletes; remove it"
                ))
            }
            (SourceDefinition::PostgresAuditLog { .. } | SourceDefinition::Files(_), None)
                if self.filter.is_some() =>
            {
                Err(format!(
                    "`tables.{name}.where` is only for sources of kind `postgres_table`; remove it"
                ))
            }
            _ => Ok(()),
        }
    }

    /// Refuses tests without a column, and tests of unknown tables. `others` are names of tables with
    /// faults.
    pub(super) fn check_tests(
        &self,
        tables: &BTreeMap<String, Self>,
        others: &BTreeSet<String>,
    ) -> Result<(), String> {
        let name = &self.id.name;
        for test in &self.tests {
            if !matches!(test.check, Check::Expression(_)) {
                return Err(format!(
                    "`tables.{name}.tests` has `{}`, which is about a column; write it into the `tests` of that column",
                    test.check.as_str()
                ));
            }
        }
        for to in self.looks_at() {
            if !tables.contains_key(to) && !others.contains(to) {
                let near = did_you_mean(to, tables.keys().map(String::as_str));
                return Err(format!(
                    "a test of `tables.{name}` reads `{to}`, which is not a table of the pipeline{near}"
                ));
            }
        }

        Ok(())
    }

    /// Refuses names that are taken or missing, and marks key and untracked columns.
    pub(super) fn check_and_mark(&self, columns: &mut [Column]) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for column in columns.iter_mut() {
            if is_own_column(&column.name) {
                return Err(format!(
                    "column `{}` of `{}` has the name of one of the tables' own columns; rename it with `columns: [{{name: …, from: {}, data_type: …}}]`",
                    column.name, self.from, column.from
                ));
            }
            if !seen.insert(column.name.clone()) {
                return Err(format!(
                    "`{}` has two columns called `{}` that differ only in case; rename one of them with `columns`",
                    self.from, column.name
                ));
            }
            column.is_key = self.key.iter().any(|k| k.to_lowercase() == column.name);
            column.is_untracked = match &self.history.tracked {
                Tracked::All => false,
                Tracked::Columns(tracked) => {
                    !column.is_key && !tracked.iter().any(|t| t.to_lowercase() == column.name)
                }
            };
        }
        let tracked = match &self.history.tracked {
            Tracked::All => &[][..],
            Tracked::Columns(tracked) => tracked,
        };
        for name in self.key.iter().chain(tracked) {
            if !seen.contains(&name.to_lowercase()) {
                let near = did_you_mean(name, seen.iter().map(String::as_str));
                return Err(format!("`{}` has no column `{name}`{near}", self.from));
            }
        }

        Ok(())
    }
}

/// Tables whose tests wait for each other, each read by the tests of the one before it; empty if there are none.
pub(super) fn circle(tables: &BTreeMap<String, Table>) -> Vec<&str> {
    let reads: BTreeMap<&str, Vec<&str>> = tables
        .iter()
        .map(|(name, table)| (name.as_str(), table.looks_at().collect()))
        .collect();
    let mut read_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (reader, read) in &reads {
        for name in read {
            read_by.entry(name).or_default().push(reader);
        }
    }
    // The tables that wait for nothing leave, then those that waited only for them. Who stays is in a circle, or waits for one.
    let mut waits_for: BTreeMap<&str, usize> = reads
        .iter()
        .map(|(name, read)| {
            (
                *name,
                read.iter().filter(|name| reads.contains_key(*name)).count(),
            )
        })
        .collect();
    let mut free: Vec<&str> = waits_for
        .iter()
        .filter(|(_, number)| **number == 0)
        .map(|(name, _)| *name)
        .collect();
    while let Some(name) = free.pop() {
        waits_for.remove(name);
        for reader in read_by.get(name).into_iter().flatten() {
            if let Some(number) = waits_for.get_mut(reader) {
                *number -= 1;
                if *number == 0 {
                    free.push(reader);
                }
            }
        }
    }
    let mut path: Vec<&str> = waits_for.keys().next().copied().into_iter().collect();
    let mut places = BTreeMap::new();
    while let Some(last) = path.last().copied() {
        if let Some(begin) = places.insert(last, path.len() - 1) {
            path.pop();
            return path.split_off(begin);
        }
        let next = reads[last]
            .iter()
            .find(|name| waits_for.contains_key(*name));
        path.extend(next);
    }

    Vec::new()
}
