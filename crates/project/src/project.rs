//! A project: its models, rendered and ordered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::config::{Config, Materialized, Remark, Written, remarks};
use crate::data_test::{DataTest, tests_of};
use crate::fault::{Fault, Said};
use crate::files::{File, Files};
use crate::graph::order;
use crate::nearest::did_you_mean;
use crate::properties::{self, ModelProperties, Placed, Properties, SourceKey};
use crate::query::one_query;
use crate::relation::Relation;
use crate::relations::Relations;
use crate::render::{Rendered, Renderer, Shared};
use crate::settings::Settings;
use crate::unit_test::UnitTest;

/// For templates whose macros and includes are deep in each other, in bytes.
const STACK: usize = 256 << 20;

/// What models may refer to.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Where the models' tables are.
    pub catalog: String,
    pub schema: String,
    /// `target.name`.
    pub target: String,
    /// What `ref` finds beside models: current rows and histories.
    pub tables: BTreeMap<String, Relation>,
    /// What `source` finds beside declared ones: the typed logs of the pipeline.
    pub sources: BTreeMap<SourceKey, Relation>,
    /// The environment variables that templates may read, with their values.
    pub env: BTreeMap<String, Option<String>>,
}

/// Models in the order in which they can be built.
#[derive(Clone, Debug, Default)]
pub struct Project {
    pub models: Vec<Model>,
    /// The tables of the pipeline that models may read: current rows and histories.
    pub tables: BTreeSet<String>,
    /// The tables of declared sources.
    pub sources: BTreeMap<SourceKey, Relation>,
    pub unit_tests: Vec<UnitTest>,
    /// What has no effect.
    pub warnings: Vec<Fault>,
}

/// One model.
#[derive(Clone, Debug)]
pub struct Model {
    pub name: String,
    /// The file below the project's folder.
    pub file: String,
    /// As it is in the file.
    pub source: String,
    /// As it is sent. It may end in a comment without a line end.
    pub sql: String,
    pub config: Config,
    pub relation: Relation,
    /// The models and tables that it reads.
    pub refs: BTreeSet<String>,
    pub sources: BTreeSet<SourceKey>,
    pub properties: ModelProperties,
    pub tests: Vec<DataTest>,
}

impl Project {
    /// Reads the project in a folder. `name` is that of the pipeline, and of the project if it gives itself none.
    ///
    /// # Errors
    ///
    /// All faults of all files.
    pub fn read(folder: &Path, name: &str, known: &Known) -> Result<Self, Vec<Fault>> {
        let read = || {
            let mut reading = Reading {
                known,
                said: Said::default(),
            };
            let project = reading.project(folder, name);
            if reading.said.faults.is_empty() {
                Ok(project)
            } else {
                Err(reading.said.faults)
            }
        };
        let failed = |what: &str| {
            Err(vec![Fault::new(
                "models",
                format!("the models could not be read: {what}"),
            )])
        };

        std::thread::scope(|scope| {
            match std::thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, read)
            {
                Ok(thread) => thread
                    .join()
                    .unwrap_or_else(|_| failed("rendering panicked")),
                Err(error) => failed(&error.to_string()),
            }
        })
    }

    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }
}

struct Reading<'a> {
    known: &'a Known,
    said: Said,
}

/// A model before the tables of the others are known.
struct Draft {
    file: File,
    config: Config,
}

impl Reading<'_> {
    fn project(&mut self, folder: &Path, name: &str) -> Project {
        let mut files = Files::of(folder);
        let faults = &mut self.said.faults;
        let settings = Settings::read(&mut files, name, faults);
        let model_files = files.below("models", &["sql", "py"], faults);
        let macro_files = files.below("macros", &["sql"], faults);
        let yaml_files = files.below("models", &["yml", "yaml"], faults);
        let properties = properties::read(&yaml_files, self.known, &mut self.said);
        let model_files = self.usable(model_files);
        let shared = |models| Shared::new(self.known, &settings, &properties.sources, models);
        // A model's table is known when its configuration is, and that stands in its template.
        let provisional = model_files
            .iter()
            .map(|file| {
                (
                    file.name.clone(),
                    self.relation(&file.name, &Config::default()),
                )
            })
            .collect();
        let renderer = Renderer::new(shared(provisional), &macro_files, &mut self.said.faults);
        if !self.said.faults.is_empty() {
            return Project::default();
        }
        let drafts = self.drafts(model_files, &renderer, &settings, &properties);
        let models: BTreeMap<String, Relation> = drafts
            .iter()
            .map(|draft| {
                (
                    draft.file.name.clone(),
                    self.relation(&draft.file.name, &draft.config),
                )
            })
            .collect();
        self.check_relations(&drafts, &models, &properties.sources);
        self.check_properties(&properties, &drafts);
        if !self.said.faults.is_empty() {
            return Project::default();
        }
        let relations = Relations {
            known: self.known,
            sources: properties.sources.clone(),
            models: models.clone(),
        };
        let shared = Shared::new(self.known, &settings, &properties.sources, models);
        let renderer = Renderer::new(shared, &macro_files, &mut self.said.faults);
        let models = drafts
            .into_iter()
            .filter_map(|draft| self.model(draft, &renderer, &properties, &relations))
            .collect();
        let unit_tests = self.unit_tests(&properties, &relations);
        match order(models) {
            Ok(models) => Project {
                models,
                tables: self.known.tables.keys().cloned().collect(),
                sources: properties.sources,
                unit_tests,
                warnings: std::mem::take(&mut self.said.warnings),
            },
            Err(fault) => {
                self.said.fault(fault);
                Project::default()
            }
        }
    }

    fn relation(&self, name: &str, config: &Config) -> Relation {
        let schema = config.schema.as_deref().unwrap_or(&self.known.schema);

        Relation::new(
            &self.known.catalog,
            schema,
            config.alias.as_deref().unwrap_or(name),
        )
    }

    /// The files whose model has a right name of its own.
    fn usable(&mut self, files: Vec<File>) -> Vec<File> {
        let mut kept: Vec<File> = Vec::new();
        for file in files {
            let name = &file.name;
            let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            let other = kept.iter().find(|other| other.name == *name);
            let fault = match other {
                _ if file.place.ends_with("py") => {
                    Some("models in Python are not supported; write the model in SQL".into())
                }
                Some(other) => Some(format!(
                    "model `{name}` is in `{}`, too; rename one of the two files",
                    other.place
                )),
                None if self.known.tables.contains_key(name) => Some(format!(
                    "`{name}` is a table of the pipeline; give the model another name"
                )),
                None if !is_plain => Some(format!(
                    "`{name}` becomes the name of a table; use lower-case letters, digits and `_`"
                )),
                None => None,
            };
            match fault {
                Some(fault) => self.said.fault(Fault::new(&file.place, fault)),
                None => kept.push(file),
            }
        }

        kept
    }

    /// The models that are enabled, with their configuration.
    fn drafts(
        &mut self,
        files: Vec<File>,
        renderer: &Renderer,
        settings: &Settings,
        properties: &Properties,
    ) -> Vec<Draft> {
        let mut drafts = Vec::new();
        for file in files {
            let by_folder = settings.of_model(&file.place);
            let described = properties.models.get(&file.name);
            let mut written: Vec<(&str, &Written)> = by_folder
                .iter()
                .map(|one| ("dbt_project.yml", one))
                .collect();
            written.extend(described.map(|placed| (placed.file.as_str(), &placed.value.config)));
            let is_off = |written: &[(&str, &Written)]| {
                let last = written.iter().rev().find_map(|(_, one)| one.get("enabled"));
                last.and_then(serde_json::Value::as_bool) == Some(false)
            };
            let (result, fault) = renderer.render(&file.name, &file, is_off(&written));
            written.push((&file.place, &result.config));
            if is_off(&written) {
                continue;
            }
            if let Some(fault) = fault {
                self.said.fault(fault);
                continue;
            }
            if !self.is_right(&file, &written) {
                continue;
            }
            let all: Vec<&Written> = written.iter().map(|(_, one)| *one).collect();
            match Config::read(&all) {
                Ok(config) => drafts.push(Draft { file, config }),
                Err(message) => self.said.fault(Fault::new(&file.place, message)),
            }
        }

        drafts
    }

    /// Whether nothing is wrong with a model's configuration. What is wrong with a folder's is said once.
    fn is_right(&mut self, file: &File, written: &[(&str, &Written)]) -> bool {
        let mut is_right = true;
        for (place, one) in written {
            let is_of_folder = *place == "dbt_project.yml";
            let is_own = *place == file.place;
            let of_model = |message: String| {
                if is_of_folder || is_own {
                    Fault::new(place, message)
                } else {
                    Fault::new(place, format!("model `{}`: {message}", file.name))
                }
            };
            for remark in remarks(one) {
                match remark {
                    Remark::Refused(message) => {
                        self.said.fault(of_model(message));
                        is_right = false;
                    }
                    Remark::Ignored(message) => self.said.warning(of_model(message)),
                }
            }
        }

        is_right
    }

    fn model(
        &mut self,
        draft: Draft,
        renderer: &Renderer,
        properties: &Properties,
        relations: &Relations<'_>,
    ) -> Option<Model> {
        let Draft { file, config } = draft;
        let (result, fault) = renderer.render(&file.name, &file, false);
        let sql = match fault.map_or_else(
            || one_query(&result.sql).map_err(|message| Fault::new(&file.place, message)),
            Err,
        ) {
            Ok(sql) => sql,
            Err(fault) => {
                self.said.fault(fault);
                return None;
            }
        };
        let described = properties
            .models
            .get(&file.name)
            .map(|placed| placed.value.clone());
        let Rendered { refs, sources, .. } = result;
        let described = described.unwrap_or_default();
        let tests = match tests_of(&file.name, &described, &|text| relations.find(text)) {
            Ok(tests) => tests,
            Err(messages) => {
                let place = properties.models.get(&file.name);
                let place = place.map_or(&file.place, |placed| &placed.file);
                for message in messages {
                    self.said.fault(Fault::new(place, message));
                }
                return None;
            }
        };

        self.check_promises(&file, &config, &described, &tests);

        Some(Model {
            relation: self.relation(&file.name, &config),
            name: file.name,
            file: file.place,
            source: file.text,
            sql,
            config,
            refs,
            sources,
            properties: described,
            tests,
        })
    }

    /// Warns of tests, contracts and lags that a view cannot keep, and refuses a contract without types.
    fn check_promises(
        &mut self,
        file: &File,
        config: &Config,
        described: &ModelProperties,
        tests: &[DataTest],
    ) {
        let is_promised = config.contract.enforced || !tests.is_empty();
        if config.materialized == Materialized::View && is_promised {
            let message = "a view is computed when it is read, so its tests and its contract are not checked; write them for its readers, or materialize it as a table";
            self.said.warning(Fault::new(&file.place, message));
        }
        if config.materialized == Materialized::View && config.target_lag.is_some() {
            let message = "a view is computed when it is read, so its `target_lag` has no effect";
            self.said.warning(Fault::new(&file.place, message));
        }
        let untyped = described
            .columns
            .iter()
            .find(|column| column.data_type.is_none());
        if let Some(column) = untyped.filter(|_| config.contract.enforced) {
            let message = format!(
                "its contract is enforced, but column `{}` has no `data_type`",
                column.name
            );
            self.said.fault(Fault::new(&file.place, message));
        }
    }

    fn unit_tests(&mut self, properties: &Properties, relations: &Relations<'_>) -> Vec<UnitTest> {
        let mut tests: Vec<UnitTest> = Vec::new();
        for Placed { file, value } in &properties.unit_tests {
            let read = UnitTest::read(file, value.clone(), &|text| relations.find(text));
            let checked = read.and_then(|test| {
                if !relations.models.contains_key(&test.model) {
                    let near =
                        did_you_mean(&test.model, relations.models.keys().map(String::as_str));
                    return Err(format!(
                        "unit test `{}` is of `{}`, which is no model{near}",
                        test.name, test.model
                    ));
                }
                if tests.iter().any(|known| known.name == test.name) {
                    return Err(format!(
                        "there are two unit tests `{}`; rename one of them",
                        test.name
                    ));
                }
                Ok(test)
            });
            match checked {
                Ok(test) => tests.push(test),
                Err(fault) => self.said.fault(Fault::new(file, fault)),
            }
        }

        tests
    }

    /// Refuses two models of one table, and a model of a table that the pipeline writes.
    fn check_relations(
        &mut self,
        drafts: &[Draft],
        models: &BTreeMap<String, Relation>,
        sources: &BTreeMap<SourceKey, Relation>,
    ) {
        let of_sources: BTreeSet<String> = sources.values().map(Relation::folded).collect();
        let of_pipeline: BTreeSet<String> = self
            .known
            .tables
            .values()
            .chain(self.known.sources.values())
            .map(Relation::folded)
            .collect();
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for draft in drafts {
            let name = draft.file.name.as_str();
            let table = models[name].folded();
            if of_pipeline.contains(&table) {
                let message = format!(
                    "model `{name}` writes `{table}`, which is a table of the pipeline; change its `alias`"
                );
                self.said.fault(Fault::new(&draft.file.place, message));
            }
            let written = ["", "_changes", "__build", "__scopes"];
            let mut written = written.iter().map(|end| format!("{table}{end}"));
            if let Some(source) = written.find(|name| of_sources.contains(name)) {
                let message = format!(
                    "model `{name}` writes `{source}`, which is a table of a declared source; change its `alias`"
                );
                self.said.fault(Fault::new(&draft.file.place, message));
            }
            if let Some(other) = seen.insert(table.clone(), name) {
                let message = format!(
                    "models `{other}` and `{name}` both write `{table}`; change one `alias`"
                );
                self.said.fault(Fault::new(&draft.file.place, message));
            }
        }
    }

    /// Warns of YAML about a model that is not there.
    fn check_properties(&mut self, properties: &Properties, drafts: &[Draft]) {
        let names = || drafts.iter().map(|draft| draft.file.name.as_str());
        for (name, placed) in &properties.models {
            let is_off =
                placed.value.config.get("enabled") == Some(&serde_json::Value::Bool(false));
            if !is_off && !names().any(|known| known == name) {
                let near = did_you_mean(name, names());
                self.said.warning(Fault::new(
                    &placed.file,
                    format!("there is no enabled model `{name}`{near}"),
                ));
            }
        }
    }
}
