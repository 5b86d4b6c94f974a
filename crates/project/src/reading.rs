//! Reads a project: its files, its models with their tests, and their order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::config::{Config, Materialized};
use crate::data_test::{DataTest, SingularTest, Tested, tests_of};
use crate::draft::{self, Draft};
use crate::fault::{Fault, Said};
use crate::files::{File, Files};
use crate::graph;
use crate::names::{self, Named};
use crate::nearest::did_you_mean;
use crate::project::{Known, Model, Project};
use crate::properties::{self, ModelProperties, Properties};
use crate::query::query_of;
use crate::relation::Relation;
use crate::relations::Relations;
use crate::render::{Renderer, Shared};
use crate::settings::Settings;
use crate::unit_test;
use crate::watch::Watch;

pub(crate) struct Reading {
    pub(crate) known: Arc<Known>,
    pub(crate) said: Said,
    pub(crate) watch: Watch,
}

impl Reading {
    /// The project, if no fault was found.
    pub(crate) fn project(&mut self, folder: &Path, name: &str) -> Option<Project> {
        let mut files = Files::of(folder);
        let settings = Settings::read(&mut files, name, &self.known, &mut self.said);
        let faults = &mut self.said.faults;
        let model_files = files.below("models", &["sql", "py"], faults);
        let test_files = files.below("tests", &["sql", "csv"], faults);
        let (fixtures, mut test_files): (Vec<File>, Vec<File>) = test_files
            .into_iter()
            .partition(|file| file.place.starts_with("tests/fixtures/"));
        test_files.retain(File::is_sql);
        let macro_files = files.below("macros", &["sql"], faults);
        let yaml_files = files.below("models", &["yml", "yaml"], faults);
        let properties = properties::read(&yaml_files, &self.known, &mut self.said);
        let model_files = names::models(model_files, &self.known, &mut self.said);
        let test_files = names::tests(test_files, &model_files, &mut self.said);
        settings.check_folders(&model_files, &mut self.said);
        // A model's table is known when its configuration is, and that stands in its template.
        let provisional: BTreeMap<String, Relation> = model_files
            .iter()
            .map(|file| {
                let relation = draft::relation(&file.name, &Config::default(), &self.known);
                (file.name.clone(), relation)
            })
            .collect();
        let shared = Shared::new(&self.known, &settings, &properties, provisional.clone());
        let mut renderer = Renderer::new(
            shared,
            &macro_files,
            self.watch.clone(),
            &mut self.said.faults,
        );
        self.has_no_fault()?;

        let drafts = self.drafts(model_files, &renderer, &settings, &properties);
        let tables = drafts.iter().map(|draft| Named {
            file: &draft.file,
            relation: &draft.relation,
        });
        names::check_tables(
            tables,
            &properties.sources.tables,
            &self.known,
            &mut self.said,
        );
        self.check_properties(&properties, &drafts);
        self.has_no_fault()?;

        let known = Arc::clone(&self.known);
        let relations = Relations {
            known: &known,
            enforced: drafts
                .iter()
                .filter(|draft| draft.config.contract.enforced)
                .map(|draft| draft.file.name.clone())
                .collect(),
            sources: properties.sources.tables.clone(),
            models: drafts
                .iter()
                .map(|draft| (draft.file.name.clone(), draft.relation.clone()))
                .collect(),
        };
        renderer.set_models(relations.models.clone());
        let others = provisional
            .into_iter()
            .filter(|(name, table)| relations.models.get(name) != Some(table));
        let others: BTreeSet<String> = others.map(|(name, _)| name).collect();
        let models: Vec<Model> = drafts
            .into_iter()
            .map(|draft| draft.rendered_again(&others, &renderer))
            .filter_map(|draft| self.model(draft, &settings, &properties, &relations))
            .collect();
        let tested = unit_test::Project {
            relations: &relations,
            models: &models,
            renderer: &renderer,
            fixtures: &fixtures,
        };
        let unit_tests = unit_test::read(&properties.unit_tests, &tested, &mut self.said);
        let mut models = self.ordered(models);
        graph::add_tested(&mut models);
        let mut models = self.ordered(models);
        let tested = Tested::of(&models);
        let said = &mut self.said;
        let singular_tests: Vec<SingularTest> = test_files
            .into_iter()
            .filter_map(|file| SingularTest::read(file, &renderer, &settings, &tested, said))
            .collect();
        graph::add_singular(&mut models, &singular_tests);
        let models = self.ordered(models);
        self.has_no_fault()?;

        Some(Project {
            models,
            tables: self.known.tables.keys().cloned().collect(),
            sources: properties.sources.tables,
            singular_tests,
            unit_tests,
            warnings: Vec::new(),
        })
    }

    /// No models, if they read each other in a circle.
    fn ordered(&mut self, models: Vec<Model>) -> Vec<Model> {
        graph::order(models)
            .map_err(|fault| self.said.fault(fault))
            .unwrap_or_default()
    }

    fn has_no_fault(&self) -> Option<()> {
        self.said.faults.is_empty().then_some(())
    }

    /// The models that are enabled, with their configuration.
    fn drafts(
        &mut self,
        files: Vec<File>,
        renderer: &Renderer,
        settings: &Settings,
        properties: &Properties,
    ) -> Vec<Draft> {
        let said = &mut self.said;

        files
            .into_iter()
            .filter_map(|file| Draft::read(file, renderer, settings, properties, &self.known, said))
            .collect()
    }

    fn model(
        &mut self,
        draft: Draft,
        settings: &Settings,
        properties: &Properties,
        relations: &Relations<'_>,
    ) -> Option<Model> {
        let Draft {
            file,
            config,
            relation,
            result,
        } = draft;
        let sql = query_of("model", &file, &result)
            .map_err(|fault| self.said.fault(fault))
            .ok()?;
        for name in result.listed.difference(&relations.enforced) {
            let message = format!(
                "it has the columns of `{name}` that YAML lists, and nothing checks that these are all; write `contract: {{enforced: true}}` for `{name}`"
            );
            self.said.warning(Fault::new(&file.place, message));
        }
        let described = properties.models.get(&file.name);
        let described = described.map(|placed| placed.value.clone());
        let described = described.unwrap_or_default();
        let place = properties.models.get(&file.name);
        let place = place.map_or(&file.place, |placed| &placed.file);
        let of_folder = settings.of_tests(place);
        let find = |text: &str| relations.find(text);
        let columns = described.columns.iter().map(|column| column.name.clone());
        let columns: Option<Vec<String>> = config.contract.enforced.then(|| columns.collect());
        let columns = columns.as_deref();
        let declared = tests_of(&file.name, &described, &of_folder, columns, &find);
        for message in declared.warnings {
            self.said.warning(Fault::new(place, message));
        }
        for message in declared.faults {
            self.said.fault(Fault::new(place, message));
        }
        let tests = declared.tests;

        self.check_promises(&file, &config, &described, &tests);
        let is_model = |name: &&String| relations.models.contains_key(*name);
        let after = result.refs.iter().filter(is_model).cloned().collect();

        Some(Model {
            relation,
            name: file.name,
            file: file.place,
            source: file.text,
            sql,
            config,
            after,
            refs: result.refs,
            sources: result.sources,
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

    /// Warns of YAML about a model that is not there.
    fn check_properties(&mut self, properties: &Properties, drafts: &[Draft]) {
        let names = drafts.iter().map(|draft| draft.file.name.as_str());
        let names: BTreeSet<&str> = names.collect();
        for (name, placed) in &properties.models {
            let is_off = placed.value.config.get("enabled") == Some(&Value::Bool(false));
            if !is_off && !names.contains(name.as_str()) {
                let near = did_you_mean(name, names.iter().copied());
                self.said.warning(Fault::new(
                    &placed.file,
                    format!("there is no enabled model `{name}`{near}"),
                ));
            }
        }
    }
}
