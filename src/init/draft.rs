//! A pipeline that is not written yet: its tables and their columns under names that it can have.

use std::collections::BTreeSet;

use super::choice::{Choice, ChosenTable, LeftOut};
use super::fault::invalid;
use super::files::{DEFINITION, Folder};
use super::log::Log;
use super::names::TableNames;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::pipeline::{
    CatalogueColumn, Column, DataType, Definition, Names, Pipelines, is_own_column,
};

pub(super) struct Draft<'a> {
    pub(super) pipeline: &'a str,
    pub(super) connection: &'a str,
    /// `None` for polled tables.
    pub(super) log: Option<Log>,
    pub(super) tables: Vec<DraftTable>,
    pub(super) left_out: Vec<LeftOut>,
    /// The user of the connection.
    pub(super) user: String,
}

/// A table of the pipeline.
pub(super) struct DraftTable {
    /// In the pipeline.
    pub(super) name: String,
    pub(super) chosen: ChosenTable,
    /// Columns in the pipeline.
    pub(super) key: Vec<String>,
    pub(super) new_columns: Vec<NewColumn>,
}

/// A column that has another name in the pipeline than in the source.
pub(super) struct NewColumn {
    pub(super) name: String,
    pub(super) from: String,
    /// In Trino.
    pub(super) data_type: String,
}

/// The schemas that a pipeline writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schemas {
    /// Those of the settings.
    Shared,
    Own,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        pipeline: &'a str,
        connection: &'a str,
        log: Option<Log>,
        choice: Choice,
        user: String,
    ) -> Self {
        let mut names = TableNames::new(pipeline);
        let tables = choice.tables.into_iter().map(|chosen| {
            let new_columns = new_columns(&chosen.columns);
            let name_of = |column: &String| {
                let mut new = new_columns.iter();
                let new = new.find(|new| new.from == *column);
                new.map_or(column, |new| &new.name).clone()
            };
            DraftTable {
                name: names.give(&chosen.found.name),
                key: chosen.key.iter().map(name_of).collect(),
                new_columns,
                chosen,
            }
        });

        Self {
            pipeline,
            connection,
            log,
            tables: tables.collect(),
            left_out: choice.left_out,
            user,
        }
    }

    /// The definition, which stands beside the other pipelines as `icefront check` wants it.
    pub(super) fn right_yaml(&self, config: &Config, others: &Pipelines) -> Result<String> {
        let editor = format!(
            "http://localhost:{}/v1/schemas/pipeline.json",
            config.http.bind.port()
        );
        let mut yaml = self.yaml(&editor, Schemas::Shared);
        let mut definition = self.read(&yaml, config)?;
        if rival(&definition, config, others).is_some() {
            yaml = self.yaml(&editor, Schemas::Own);
            definition = self.read(&yaml, config)?;
        }
        if let Some((table, pipeline)) = rival(&definition, config, others) {
            return Err(invalid(
                "pipeline",
                format!(
                    "it would write `{table}`, which pipeline `{pipeline}` writes too; choose another name by `--pipeline`"
                ),
            ));
        }
        for table in &self.tables {
            let defined = definition.tables.get(&table.name);
            let columns = defined.map(|defined| defined.columns(&table.chosen.columns));
            if let Some(Err(fault)) = columns {
                return Err(invalid("table", format!("{fault}; leave the table out")));
            }
        }

        Ok(yaml)
    }

    /// Reads a definition as the service would.
    fn read(&self, yaml: &str, config: &Config) -> Result<Definition> {
        let folder = tempfile::tempdir().map_err(Error::internal)?;
        let own = folder.path().join(self.pipeline);
        std::fs::create_dir(&own).map_err(Error::internal)?;
        std::fs::write(own.join(DEFINITION), yaml).map_err(Error::internal)?;
        let mut config = config.clone();
        folder.path().clone_into(&mut config.pipelines.path);

        Pipelines::load(&config)?.get(self.pipeline).cloned()
    }
}

/// The pipelines that are there already; none, if their folder is not there yet.
pub(super) fn others(config: &Config) -> Result<Pipelines> {
    if config.pipelines.path.exists() {
        Pipelines::load(config)
    } else {
        Ok(Pipelines::default())
    }
}

/// Refuses the name of a pipeline in another folder.
pub(super) fn check_name(name: &str, others: &Pipelines, folder: &Folder) -> Result<()> {
    let is_there = others.usable().any(|other| other.name == name);
    if is_there && !folder.has(DEFINITION) {
        return Err(invalid(
            "pipeline",
            format!("there is a pipeline `{name}` already; choose another name by `--pipeline`"),
        ));
    }

    Ok(())
}

/// A table that another pipeline writes too, and that pipeline.
fn rival(definition: &Definition, config: &Config, others: &Pipelines) -> Option<(String, String)> {
    let writes = |definition: &Definition| -> BTreeSet<String> {
        let names = Names::new(definition, config).all().into_iter();
        names.map(|name| name.to_string().to_lowercase()).collect()
    };
    let own = writes(definition);
    let mut others = others
        .usable()
        .filter(|other| other.name != definition.name);

    others.find_map(|other| {
        let shared = writes(other).into_iter().find(|name| own.contains(name))?;
        Some((shared, other.name.clone()))
    })
}

/// New names for columns that have the name of one of the tables' own columns, or that of another column in other letters.
fn new_columns(columns: &[CatalogueColumn]) -> Vec<NewColumn> {
    let mut taken: BTreeSet<String> = columns
        .iter()
        .map(|column| column.name.to_lowercase())
        .collect();
    let mut seen = BTreeSet::new();
    let mut new = Vec::new();
    for CatalogueColumn { name, data_type } in columns {
        let lower = name.to_lowercase();
        if seen.insert(lower.clone()) && !is_own_column(&lower) {
            continue;
        }
        let wanted = format!("source_{}", lower.trim_start_matches('_'));
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        let mut names = std::iter::once(wanted.clone()).chain(numbered);
        let free = names.find(|name| !taken.contains(name)).unwrap_or(wanted);
        taken.insert(free.clone());
        new.push(NewColumn {
            data_type: Column::new(name, name, &DataType::from_postgres(data_type)).data_type,
            name: free,
            from: name.clone(),
        });
    }

    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_becomes_another() {
        let column = |name: &str| CatalogueColumn {
            name: name.into(),
            data_type: "numeric(5,1)".into(),
        };
        let columns = ["id", "_id", "Id", "source_id", "valid_from"].map(column);
        let new: Vec<_> = new_columns(&columns)
            .into_iter()
            .map(|new| (new.from, new.name, new.data_type))
            .collect();
        let pair = |from: &str, name: &str| (from.into(), name.into(), "decimal(5,1)".into());
        assert_eq!(
            new,
            [
                pair("_id", "source_id_2"),
                pair("Id", "source_id_3"),
                pair("valid_from", "source_valid_from")
            ]
        );
    }
}
