//! Whether a pipeline uses only what the settings let it use: `[pipelines.allowed]`.

use icefront_project::{Check, Fault, Model, Project, Relation, SourceKey};

use super::draft::Said;
use super::finding::FILE;
use super::{Definition, Finding, Reader, Severity};
use crate::config::Config;
use crate::error::did_you_mean;

/// Why a pipeline may not have another name than its folder: what it may use goes by the name.
pub(super) fn misnamed(definition: &Definition, folder: &str, config: &Config) -> Option<Finding> {
    if config.pipelines.allowed.is_empty() || definition.name == folder {
        return None;
    }
    let message = format!(
        "`pipeline` is `{}`, but the folder is `{folder}`, and `pipelines.allowed` of the settings goes by the name; give both the same name",
        definition.name
    );

    Some(Finding::error(FILE, &message))
}

impl Definition {
    /// Finds what of `pipeline.yaml` the settings do not have, or do not let the pipeline use.
    pub(super) fn check_allowed(&self, reader: Reader, config: &Config, said: &mut Said<'_>) {
        if reader.is_stranger() {
            return;
        }
        self.check_connection(config, said);
        self.check_schemas(said);
    }

    fn check_connection(&self, config: &Config, said: &mut Said<'_>) {
        let Some(connection) = self.source.connection() else {
            return;
        };
        let may = self.allowed.connection(connection);
        if may && config.connections.contains_key(connection) {
            return;
        }
        let known = config.connections.keys().map(String::as_str);
        let near = did_you_mean(
            connection,
            known.filter(|name| self.allowed.connection(name)),
        );
        // The same for every name that is not listed, so that nobody learns which ones exist.
        let message = if may {
            format!(
                "`source.connection` is `{connection}`, but the settings have no `connections.{connection}`{near}"
            )
        } else {
            format!(
                "`source.connection` is `{connection}`, which pipeline `{}` may not use; add it to `{}` of the settings, or name another{near}",
                self.name,
                self.allowed.setting("connections")
            )
        };
        said.fault(&["source", "connection"], &message);
    }

    fn check_schemas(&self, said: &mut Said<'_>) {
        for (layer, schema) in self.schemas.each() {
            if self.allowed.writes(schema) {
                continue;
            }
            let path = ["schemas", layer];
            // Without the key, the default of the settings counts.
            let path = if said.has(&path) {
                &path[..]
            } else {
                &["pipeline"]
            };
            let message = format!(
                "`schemas.{layer}` is `{schema}`, which pipeline `{}` may not write to; add it to `{}` of the settings, or write another schema",
                self.name,
                self.allowed.setting("schemas")
            );
            said.fault(path, &message);
        }
    }

    /// Finds the models that are in schemas that the pipeline may not write to, and the models and tests that read others' schemas
    /// by `source`.
    pub(super) fn refused_reads(&self, project: &Project) -> Vec<Finding> {
        if !self.allowed.limits_schemas() {
            return Vec::new();
        }
        let models = project.models.iter();
        let mut findings: Vec<Finding> = models
            .flat_map(|model| self.refused_of(model, project))
            .collect();
        for test in &project.singular_tests {
            let read = test.sources.iter();
            let read = read.filter_map(|key| project.sources.get(key));
            let refused = read.filter(|table| !self.may_read(table));
            findings.extend(refused.map(|table| finding(&test.file, None, self.refusal(table))));
        }

        findings
    }

    fn refused_of(&self, model: &Model, project: &Project) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.refused_place(model).into_iter().collect();
        let read = model.sources.iter();
        let read = read.filter_map(|key| Some((key, project.sources.get(key)?)));
        for (key, table) in read.filter(|(_, table)| !self.may_read(table)) {
            let line = line_of(&model.source, key);
            findings.push(finding(&model.file, line, self.refusal(table)));
        }
        let compared = model.tests.iter().filter_map(|test| match &test.check {
            Check::Relationships { to, .. } | Check::EqualRowcount { to } => Some(to),
            _ => None,
        });
        let compared = compared.filter(|table| !self.may_read(table));
        findings.extend(compared.map(|table| finding(&model.file, None, self.refusal(table))));

        findings
    }

    fn refused_place(&self, model: &Model) -> Option<Finding> {
        let schema = &model.relation.schema;
        if self.allowed.writes(schema) {
            return None;
        }
        let message = format!(
            "model `{}` is in schema `{schema}`, which pipeline `{}` may not write to; add it to `{}` of the settings, or change the `schema` of the model",
            model.name,
            self.name,
            self.allowed.setting("schemas")
        );

        Some(finding(
            &model.file,
            line_with(&model.source, "schema"),
            message,
        ))
    }

    fn may_read(&self, table: &Relation) -> bool {
        self.allowed.reads(&table.catalog, &table.schema)
    }

    fn refusal(&self, table: &Relation) -> String {
        self.refusal_of(&format!("{}.{}", table.catalog, table.schema))
    }

    /// Why SQL of the pipeline may not read a schema, and what to do.
    #[must_use]
    pub fn refusal_of(&self, schema: &str) -> String {
        format!(
            "pipeline `{}` may not read schema `{schema}`; add it to `{}` of the settings, or read another schema",
            self.name,
            self.allowed.setting("reads")
        )
    }
}

fn finding(file: &str, line: Option<usize>, message: String) -> Finding {
    let fault = Fault {
        line,
        ..Fault::new(file, message)
    };

    Finding::of_fault(Severity::Error, &fault)
}

/// The line that names a source and its table.
fn line_of(text: &str, key: &SourceKey) -> Option<usize> {
    let mut lines = text.lines().zip(1..);

    lines
        .find(|(line, _)| line.contains("source") && line.contains(&key.table))
        .map(|(_, number)| number)
}

/// The first line with a word.
fn line_with(text: &str, word: &str) -> Option<usize> {
    let mut lines = text.lines().zip(1..);

    lines
        .find(|(line, _)| line.contains(word))
        .map(|(_, number)| number)
}
