//! Singular tests: a file of `tests/` with one `select`, whose rows are failures.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::arguments::Arguments;
use super::severity::Severity;
use crate::config::{Materialized, Written};
use crate::fault::{Fault, Said};
use crate::files::File;
use crate::project::Model;
use crate::query::query_of;
use crate::render::Renderer;
use crate::settings::Settings;
use crate::sources::SourceKey;

/// A test that is a query.
#[derive(Clone, Debug, PartialEq)]
pub struct SingularTest {
    /// Unique among tests and models: the name of its file.
    pub name: String,
    /// The file below the project's folder.
    pub file: String,
    /// Its rows are failures. It may end in a comment without a line end.
    pub sql: String,
    /// The models and tables that it reads.
    pub refs: BTreeSet<String>,
    pub sources: BTreeSet<SourceKey>,
    /// The model that it is a test of: the last one that it reads, in the order of the models.
    pub model: String,
    pub severity: Severity,
    /// Whether its failing rows are kept in a table.
    pub store_failures: bool,
}

impl SingularTest {
    /// Reads a file of `tests/`. Nothing if the test is disabled, or if nothing would run it.
    pub(crate) fn read(
        file: File,
        renderer: &Renderer,
        settings: &Settings,
        tested: &Tested<'_>,
        said: &mut Said,
    ) -> Option<Self> {
        let mut result = renderer.render(&file);
        let own = std::mem::take(&mut result.config);
        let of_folder = settings.of_tests(&file.place);
        let is_enabled = own.get("enabled").or(of_folder.get("enabled"));
        if is_enabled.and_then(Value::as_bool) == Some(false) {
            return None;
        }
        let sql = query_of("test", &file, &result)
            .map_err(|fault| said.fault(fault))
            .ok()?;
        let configured = Configured::read(&file.name, own, &of_folder)
            .map_err(|message| said.fault(Fault::new(&file.place, message)))
            .ok()?;
        for message in configured.warnings {
            said.warning(Fault::new(&file.place, message));
        }
        let model = tested
            .last(&result.refs)
            .map_err(|message| said.warning(Fault::new(&file.place, message)))
            .ok()?;
        if model.tests.iter().any(|test| test.name == file.name) {
            let message = format!(
                "model `{}` has a declared test `{}`, too; rename the file",
                model.name, file.name
            );
            said.fault(Fault::new(&file.place, message));
        }

        Some(Self {
            model: model.name.clone(),
            name: file.name,
            file: file.place,
            sql,
            refs: result.refs,
            sources: result.sources,
            severity: configured.severity,
            store_failures: configured.store_failures,
        })
    }
}

/// What `config(…)` of a singular test says.
struct Configured {
    severity: Severity,
    store_failures: bool,
    /// What has no effect.
    warnings: Vec<String>,
}

impl Configured {
    /// Reads `config(…)`, with the settings of the folder.
    fn read(test: &str, written: Written, of_folder: &Written) -> Result<Self, String> {
        if written.contains_key("where") {
            return Err(format!(
                "test `{test}` does not read `where`; write the condition into its `select`"
            ));
        }
        let mut arguments = Arguments::of(test, written)?.or(of_folder);
        arguments.is("enabled", true)?;
        // That of a folder is about declared tests.
        arguments.take("where");

        Ok(Self {
            severity: arguments.severity()?,
            store_failures: arguments.store_failures()?,
            warnings: arguments.end()?,
        })
    }
}

/// The models in their order, to find the one that a test is of.
pub(crate) struct Tested<'a> {
    models: &'a [Model],
    places: BTreeMap<&'a str, usize>,
}

impl<'a> Tested<'a> {
    pub(crate) fn of(models: &'a [Model]) -> Self {
        let names = models.iter().enumerate();
        let places = names.map(|(place, model)| (model.name.as_str(), place));

        Self {
            models,
            places: places.collect(),
        }
    }

    /// The last table among these models. Rows are tested before they are visible, so a view would still give the old ones.
    ///
    /// # Errors
    ///
    /// Why nothing would run such a test.
    pub(crate) fn last(&self, refs: &BTreeSet<String>) -> Result<&'a Model, String> {
        let (views, tables): (Vec<usize>, Vec<usize>) = self
            .known(refs)
            .partition(|place| self.models[*place].config.materialized == Materialized::View);
        if views.is_empty() && tables.is_empty() {
            return Err("it reads no model by `ref`, so nothing runs it".into());
        }
        let behind_views = self.behind(views);
        let last = tables.iter().chain(&behind_views).max();
        let last = last.ok_or("it reads only views without a model behind them, so nothing runs it; materialize one as a table")?;
        let model = &self.models[*last];
        if behind_views.contains(last) {
            return Err(format!(
                "it reads `{}` through a view, and rows are tested before a view shows them, so nothing runs it; read `{}` itself",
                model.name, model.name
            ));
        }

        Ok(model)
    }

    fn known<'s>(&'s self, names: &'s BTreeSet<String>) -> impl Iterator<Item = usize> {
        names
            .iter()
            .filter_map(|name| self.places.get(name.as_str()).copied())
    }

    /// The tables that views read, also through other views.
    fn behind(&self, views: Vec<usize>) -> BTreeSet<usize> {
        let mut tables = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut left = views;
        while let Some(place) = left.pop() {
            let model = &self.models[place];
            if model.config.materialized != Materialized::View {
                tables.insert(place);
            } else if seen.insert(place) {
                left.extend(self.known(&model.refs));
            }
        }

        tables
    }
}
