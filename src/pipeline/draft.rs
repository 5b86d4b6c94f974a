//! Reads and checks `pipeline.yaml`. Every fault names file, line and what was expected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::defaults::Defaults;
use super::definition::PipelineYaml;
use super::environment::Environment;
use super::filled::Filled;
use super::finding::FILE;
use super::identity::qualified;
use super::misfit::Misfit;
use super::places::Places;
use super::reader::{Reader, written_name};
use super::table_checks::circle;
use super::tables::Tables;
use super::{Definition, FileSource, Finding, Schedule, SourceDefinition, Table, TableId};
use crate::config::Config;

/// The last words of calls such as `POST /v1/pipelines/validate`.
const CALLS: [&str; 2] = ["reload", "validate"];
/// Tables behind so many faults are not checked.
const MOST_FINDINGS: usize = 1_000;
/// A message names so many tables at most.
const MOST_SHOWN: usize = 10;
const LEAST_POLL: Duration = Duration::from_secs(1);
const MOST_CLOCK_SKEW: Duration = Duration::from_hours(36_500 * 24);

/// What could be read of a `pipeline.yaml`.
pub(super) struct Draft {
    /// Without the tables that have a fault.
    pub(super) definition: Definition,
    /// The names of the tables that have a fault.
    pub(super) wrong: BTreeSet<String>,
    pub(super) reader: Reader,
}

/// Collects what is wrong with a `pipeline.yaml`.
pub(super) struct Said<'a> {
    places: Places,
    reader: Reader,
    findings: &'a mut Vec<Finding>,
}

impl Said<'_> {
    /// Adds a fault of a field, which is found by the keys that lead to it.
    pub(super) fn fault(&mut self, path: &[&str], message: &str) {
        if !self.reader.is_trusted() && self.places.names_variables(path) {
            // It is about the stand-in of a value.
            return;
        }
        let finding = Finding::error(FILE, message).at(self.places.find(path));
        self.findings.push(finding);
    }

    /// Whether a field is written.
    pub(super) fn has(&self, path: &[&str]) -> bool {
        self.places.find(path).is_some()
    }

    fn right<T>(&mut self, path: &[&str], result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.fault(path, &message)).ok()
    }
}

impl Draft {
    /// Reads the text of a `pipeline.yaml`, and adds everything that is wrong to `findings`. Nothing if a field outside of `tables`
    /// cannot be read.
    pub(super) fn read(
        text: &str,
        config: &Config,
        reader: impl Fn(&str) -> Reader,
        findings: &mut Vec<Finding>,
    ) -> Option<Self> {
        let plainly = serde_saphyr::options! { with_snippet: false };
        let written = written_name(text);
        let reader = reader(&written);
        let allowed = config.allowed(&written);
        let environment = Environment::of(config, &allowed, reader);
        let places = Places::of(text);
        findings.extend(reader.unchecked(&written, !places.texts().is_empty()));
        for (text, position) in places.texts() {
            let fault = environment.fill(text).err();
            findings.extend(fault.map(|fault| Finding::error(FILE, &fault).at(Some(position))));
        }
        let mut of_shape = Vec::new();
        let yaml = serde_saphyr::with_deserializer_from_str_with_options(text, plainly, |reader| {
            PipelineYaml::deserialize(Filled::new(reader, &environment))
        });
        let yaml = yaml
            .map_err(|fault| {
                of_shape.push(Finding::of_yaml(&fault));
            })
            .ok();
        let mut tables = Tables::read(text, &environment, &mut of_shape);
        of_shape.dedup();
        if !reader.is_trusted() {
            // Some are about the stand-in of a value.
            let filled = places.texts();
            let is_filled = |line| filled.iter().any(|(_, at)| Some(at.line) == line);
            of_shape.retain(|fault| !is_filled(fault.line));
        }
        findings.extend(of_shape);
        let mut yaml = yaml?;
        let mut said = Said {
            places,
            reader,
            findings,
        };
        if yaml.pipeline != written && !config.pipelines.allowed.is_empty() {
            let message = "`pipeline` names an environment variable, but `pipelines.allowed` of the settings goes by the name; write the name out";
            said.fault(&["pipeline"], message);
        }
        check_defaults(&mut yaml.defaults, &yaml.source, &mut said);
        let stated = said.places.names_below("tables");
        for (name, table) in &mut tables.right {
            let stated = stated.get(name.as_str());
            yaml.defaults
                .complete(table, stated.unwrap_or(&BTreeSet::new()));
        }
        if yaml.timezone.is_some() && yaml.schedule.is_none() {
            let message =
                "`timezone` has no meaning without `schedule`; add a schedule, or remove it";
            said.fault(&["timezone"], message);
        }
        let schedule = yaml.schedule.and_then(|text| {
            let schedule = Schedule::read(&text, yaml.timezone.as_deref());
            said.right(&["schedule"], schedule)
        });
        let mut draft = Self {
            definition: Definition {
                name: yaml.pipeline,
                allowed,
                text: text.into(),
                source: yaml.source,
                tables: tables.right,
                schemas: yaml.schemas.unwrap_or_else(|| config.trino.schemas.clone()),
                history_suffix: yaml.history_suffix,
                max_clock_skew: yaml.max_clock_skew,
                max_rejects: yaml.max_rejects,
                verify: yaml.verify,
                poll: yaml.poll,
                schedule,
                vars: yaml.vars,
                model_defaults: yaml.models,
                models: Arc::default(),
                target_lags: BTreeMap::new(),
            },
            wrong: tables.wrong,
            reader,
        };
        draft.definition.complete(&mut said);
        draft.check(config, &mut said);

        Some(draft)
    }

    fn check(&self, config: &Config, said: &mut Said<'_>) {
        let Definition {
            name,
            source,
            tables,
            ..
        } = &self.definition;
        said.right(&["pipeline"], plain_name("pipeline", name));
        if CALLS.contains(&name.as_str()) {
            let message =
                format!("`pipeline` is `{name}`, which is the name of a call; write another name");
            said.fault(&["pipeline"], &message);
        }
        if tables.is_empty() && self.wrong.is_empty() {
            said.fault(&["tables"], "`tables` is empty; declare at least one table");
        }
        if self.definition.max_clock_skew > MOST_CLOCK_SKEW {
            let message = "`max_clock_skew` is more than a century; write at most `36500d`";
            said.fault(&["max_clock_skew"], message);
        }
        if let Some(files) = source.files() {
            let checked = files.check();
            if checked.is_ok() && !self.reader.is_stranger() {
                said.right(&["source", "path"], files.check_place(config));
            }
            said.right(&["source"], checked);
        }
        self.definition.check_allowed(self.reader, config, said);
        if self.definition.poll.is_some_and(|poll| poll < LEAST_POLL) {
            said.fault(
                &["poll"],
                "`poll` is less than a second; write `1s` or more",
            );
        }
        self.check_names(said);
        self.check_tables(said);
    }

    /// Names become part of table names.
    fn check_names(&self, said: &mut Said<'_>) {
        let Definition {
            tables, schemas, ..
        } = &self.definition;
        for name in tables.keys().chain(&self.wrong) {
            said.right(
                &["tables", name],
                plain_name(&format!("tables.{name}"), name),
            );
        }
        for (name, table) in tables {
            if let Some(own) = &table.trino_name {
                let what = format!("tables.{name}.trino_name");
                said.right(&["tables", name, "trino_name"], plain_name(&what, own));
            }
        }
        said.right(
            &["history_suffix"],
            check_suffix(&self.definition.history_suffix),
        );
        for (layer, schema) in schemas.each() {
            if schema.is_empty() {
                let message = format!("`schemas.{layer}` is empty; write the name of a schema");
                said.fault(&["schemas", layer], &message);
            }
        }
    }

    fn check_tables(&self, said: &mut Said<'_>) {
        let Definition { source, tables, .. } = &self.definition;
        let mut origins = BTreeSet::new();
        for (name, table) in tables {
            // A finding may compare a name with all others.
            if said.findings.len() >= MOST_FINDINGS {
                break;
            }
            for Misfit { path, message } in table.check() {
                let defaulted = path.first().filter(|field| table.defaulted.contains(field));
                let origin = defaulted.map(|field| format!("; `{field}` comes from `defaults`"));
                let path: Vec<&str> = ["tables", name.as_str()].into_iter().chain(path).collect();
                said.fault(&path, &format!("{message}{}", origin.unwrap_or_default()));
            }
            said.right(&["tables", name, "cursor"], table.check_cursor(source));
            said.right(
                &["tables", name, "tests"],
                table.check_tests(tables, &self.wrong),
            );
            if !origins.insert(&table.from) {
                let message = format!(
                    "`tables.{name}.from` is `{}`, which is already the `from` of another table; remove one of the two tables",
                    table.from
                );
                said.fault(&["tables", name, "from"], &message);
            }
        }
        let circle = circle(tables);
        if let Some(first) = circle.first() {
            let shown = circle.get(..MOST_SHOWN).unwrap_or(&circle);
            let message = format!(
                "tests of the tables `{}` read each other, so each would wait for the next; remove one of these `relationships`",
                shown.join("`, `")
            );
            said.fault(&["tables", first, "tests"], &message);
        }
    }
}

impl Definition {
    /// Copies to each table what it needs from its pipeline and source.
    fn complete(&mut self, said: &mut Said<'_>) {
        for (name, table) in &mut self.tables {
            if let SourceDefinition::Files(files) = &self.source {
                said.right(&["tables", name, "from"], name_files(files, name, table));
            }
            table.id = TableId::new(&self.name, name);
            let source = qualified(&format!("tables.{name}.from"), &table.from);
            table.source = said
                .right(&["tables", name, "from"], source)
                .unwrap_or_default();
            table.is_by_clock = self.source.is_by_clock();
            table.has_own_ids = self.source.has_own_ids();
        }
    }
}

/// Refuses fields that only polled tables have.
fn check_defaults(defaults: &mut Defaults, source: &SourceDefinition, said: &mut Said<'_>) {
    if matches!(source, SourceDefinition::PostgresTable { .. }) {
        return;
    }
    let cursor = defaults.cursor.take().map(|_| "cursor");
    let deletes = defaults.deletes.take().map(|_| "deletes");
    for field in [cursor, deletes].into_iter().flatten() {
        let message =
            format!("`defaults.{field}` is only for sources of kind `postgres_table`; remove it");
        said.fault(&["defaults", field], &message);
    }
}

/// Gives a table the pattern of its files, and the source name of its rows in landing.
fn name_files(source: &FileSource, name: &str, table: &mut Table) -> Result<(), String> {
    let (_, pattern) = source.split();
    let files = if table.from.is_empty() {
        pattern.map(str::to_owned).ok_or_else(|| format!("`tables.{name}.from` is missing; write a pattern of file names below `source.path`, such as `{name}/*.csv`"))
    } else {
        Ok(table.from.clone())
    };
    // Also of a wrong pattern: one fault is enough.
    table.from = format!("files.{name}");
    let files = files?;
    glob::Pattern::new(&files).map_err(|fault| {
        format!("`tables.{name}.from` is `{files}`, which is not a pattern of file names: {fault}")
    })?;
    table.files = Some(files);

    Ok(())
}

fn plain_name(what: &str, name: &str) -> Result<(), String> {
    let right = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if right {
        return Ok(());
    }

    Err(format!(
        "`{what}` is `{name}`, and becomes part of table names; use lower-case letters, digits and `_`, starting with a letter"
    ))
}

/// Two underscores are kept for tables that are built, and `_changes` for those of models.
fn check_suffix(suffix: &str) -> Result<(), String> {
    let is_plain = suffix.len() > 1
        && suffix.starts_with('_')
        && !suffix.ends_with('_')
        && !suffix.contains("__")
        && suffix
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');

    is_plain.then_some(()).ok_or_else(|| {
        format!(
            "`history_suffix` is `{suffix}`, and becomes part of table names; write one such as `_history`: `_`, then lower-case letters, digits and single `_`"
        )
    })
}
