//! Renders models: Jinja with the functions that dbt gives to a model.

mod context;
mod functions;
mod json;
mod list;
mod macros;
mod map;
mod namespace;
mod python;
mod relation;
mod size;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::Written;
use crate::control::{fault_of_sql, fault_of_values};
use crate::fault::Fault;
use crate::files::File;
use crate::nearest::did_you_mean;
use crate::project::Known;
use crate::properties::Properties;
use crate::relation::{Column, Relation};
use crate::settings::Settings;
use crate::sources::SourceKey;
use crate::watch::Watch;

use context::Context;
use functions::Kind;
use macros::Macros;

/// Steps that a model may take with all its macros. A loop over ten thousand rows takes fewer.
const FUEL: u64 = 1_000_000;
/// Includes and macros in each other, within one file.
const DEEPEST: usize = 50;
/// What Trino takes as one query by default, in characters.
const LONGEST_QUERY: usize = 1_000_000;

/// Messages about Jinja statements that only dbt has; each names what to use instead.
pub(crate) const GENERIC_TEST: &str = "generic tests of your own are not supported; use `dbt_utils.expression_is_true`, or write one `select` per model in `tests/`";
const SNAPSHOT: &str = "snapshots are not supported; Icefront keeps the history of each table by itself: read it with `ref('<table>_history')`";

/// What stays the same for all models of a project.
pub(crate) struct Renderer {
    environment: Environment<'static>,
    shared: Arc<Shared>,
    watch: Watch,
}

/// What functions in templates know of the project.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    known: Known,
    settings: Settings,
    macros: Macros,
    /// The tables of the models, by the name in `ref`.
    models: BTreeMap<String, Relation>,
    sources: BTreeMap<SourceKey, Relation>,
    /// The columns that YAML lists.
    model_columns: BTreeMap<String, Vec<Column>>,
    source_columns: BTreeMap<SourceKey, Vec<Column>>,
    /// What macros and functions give instead, by their names as they are called.
    replaced: BTreeMap<String, Value>,
}

/// What a unit test replaces while its model is rendered.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Overrides {
    /// Variables, by name.
    vars: Written,
    /// The values that macros give, by name: `dbt_utils.star`, `current_timestamp`.
    macros: Written,
    /// Environment variables, by name.
    env_vars: Written,
}

impl Overrides {
    pub(crate) fn macro_names(&self) -> impl Iterator<Item = &str> {
        self.macros.keys().map(String::as_str)
    }

    /// Whether the model would be rendered with a branch that Icefront never takes.
    pub(crate) fn is_incremental(&self) -> bool {
        self.macros.get("is_incremental") == Some(&serde_json::Value::Bool(true))
    }
}

/// The configuration and the references of a model, noted while its template is rendered.
#[derive(Debug, Default)]
struct Notes {
    config: Mutex<Written>,
    refs: Mutex<BTreeSet<String>>,
    sources: Mutex<BTreeSet<SourceKey>>,
    /// The models whose listed columns were asked for.
    listed: Mutex<BTreeSet<String>>,
    /// How deep macros are in each other, how often one was called, and how many steps they took.
    depth: AtomicUsize,
    calls: AtomicUsize,
    steps: AtomicU64,
    /// What `return(…)` gave.
    returned: Mutex<Option<Value>>,
}

/// What came of a template, until its fault if it has one.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    pub(crate) sql: String,
    pub(crate) config: Written,
    pub(crate) refs: BTreeSet<String>,
    pub(crate) sources: BTreeSet<SourceKey>,
    /// The models whose columns, as YAML lists them, stand in the SQL.
    pub(crate) listed: BTreeSet<String>,
    pub(crate) fault: Option<Fault>,
}

impl Shared {
    pub(crate) fn new(
        known: &Known,
        settings: &Settings,
        properties: &Properties,
        models: BTreeMap<String, Relation>,
    ) -> Self {
        let described = properties.models.iter();
        let listed = described.map(|(name, placed)| (name.clone(), placed.value.listed()));
        Self {
            known: known.clone(),
            settings: settings.clone(),
            macros: Macros::default(),
            models,
            sources: properties.sources.tables.clone(),
            model_columns: listed.filter(|(_, columns)| !columns.is_empty()).collect(),
            source_columns: properties.sources.columns.clone(),
            replaced: BTreeMap::new(),
        }
    }
}

impl Renderer {
    /// Reads the macros. Faults are those of their files.
    pub(crate) fn new(
        mut shared: Shared,
        macro_files: &[File],
        watch: Watch,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(DEEPEST);
        environment.set_debug(true);
        environment.set_formatter(size::formatter);
        environment.remove_global("debug");
        python::add_to(&mut environment);
        shared.macros = Macros::read(&mut environment, macro_files, faults);

        Self {
            environment,
            shared: Arc::new(shared),
            watch,
        }
    }

    /// From now on, these are the models.
    pub(crate) fn set_models(&mut self, models: BTreeMap<String, Relation>) {
        Arc::make_mut(&mut self.shared).models = models;
    }

    /// The fault of a name that is no macro and no function: `dbt_utils.star`, `current_timestamp`, `var`.
    pub(crate) fn unknown_macro(&self, name: &str) -> Option<String> {
        let shared = &self.shared;
        let is_known = match name.split_once('.') {
            Some((package, name)) if package == shared.settings.name => {
                shared.macros.own(name).is_some()
            }
            Some((package, name)) => shared.macros.has(package, name),
            None => {
                Kind::of(name).is_some()
                    || shared.macros.own(name).is_some()
                    || shared.macros.has("dbt", name)
            }
        };
        let names = shared.macros.names();

        (!is_known).then(|| {
            let near = did_you_mean(name, names.iter().map(String::as_str));
            format!("there is no macro `{name}`{near}")
        })
    }

    /// The same, with what a unit test replaces.
    pub(crate) fn with(&self, overrides: Overrides) -> Self {
        let mut shared = Shared::clone(&self.shared);
        shared.settings.vars.extend(overrides.vars);
        let values = overrides.macros.iter();
        shared.replaced = values
            .map(|(name, value)| (name.clone(), Value::from(Serde(value))))
            .collect();
        let variables = overrides.env_vars.into_iter().map(|(name, value)| {
            let text = value.as_str().map(str::to_owned);
            (name, Some(text.unwrap_or_else(|| value.to_string())))
        });
        shared.known.env.extend(variables);

        Self {
            environment: self.environment.clone(),
            shared: Arc::new(shared),
            watch: self.watch.clone(),
        }
    }

    /// Renders a model or a test.
    pub(crate) fn render(&self, file: &File) -> Rendered {
        let notes = Arc::new(Notes::default());
        let context = Context {
            model: file.name.clone(),
            shared: Arc::clone(&self.shared),
            notes: Arc::clone(&notes),
        };
        self.watch.begin(&file.place);
        let result = self.sql(file, context);
        self.watch.end();
        let config = taken(&notes.config);
        let (sql, fault) = match result {
            Ok(sql) => {
                let values = serde_json::Value::Object(config.clone());
                (sql, fault_of_values(&file.place, &values, &file.text))
            }
            Err(fault) => (String::new(), Some(fault)),
        };

        Rendered {
            sql,
            config,
            refs: taken(&notes.refs),
            sources: taken(&notes.sources),
            listed: taken(&notes.listed),
            fault,
        }
    }

    fn sql(&self, file: &File, context: Context) -> Result<String, Fault> {
        if macros::declares(&file.text) {
            return Err(Fault::new(
                &file.place,
                "the file declares a macro; move it to a file in `macros/`",
            ));
        }
        let rendered = self
            .environment
            .template_from_named_str(&file.place, &python::translated(&file.text))
            .and_then(|template| template.render(Value::from_object(context)));
        let sql = rendered.map_err(|error| fault(&file.place, &error))?;
        if sql.len() > LONGEST_QUERY {
            return Err(Fault::new(
                &file.place,
                format!("the query has more than {LONGEST_QUERY} characters"),
            ));
        }

        match fault_of_sql(&file.place, &sql, &file.text) {
            Some(fault) => Err(fault),
            None => Ok(sql),
        }
    }
}

/// A fault of a template, with the line of the file where it is, which may be that of a macro.
fn fault(place: &str, error: &minijinja::Error) -> Fault {
    let mut innermost = error;
    let mut source: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(inner) = inner.downcast_ref::<minijinja::Error>() {
            innermost = inner;
        }
        source = inner.source();
    }
    let file = innermost.name().or_else(|| error.name()).unwrap_or(place);
    let line = innermost.line().or_else(|| error.line());
    let message = match (innermost.kind(), innermost.detail()) {
        (ErrorKind::OutOfFuel, _) => {
            "the template takes too many steps; does a loop or a macro not end?".to_owned()
        }
        (ErrorKind::UndefinedError, None) => "a name in this line is not defined".to_owned(),
        (ErrorKind::SyntaxError, Some("unknown statement test")) => GENERIC_TEST.to_owned(),
        (ErrorKind::SyntaxError, Some("unknown statement snapshot")) => SNAPSHOT.to_owned(),
        (_, Some(detail)) => detail.to_owned(),
        (_, None) => innermost.kind().to_string(),
    };

    Fault::new(file, message).at(line)
}

fn invalid(message: String) -> minijinja::Error {
    minijinja::Error::new(ErrorKind::InvalidOperation, message)
}

fn taken<T: Default>(from: &Mutex<T>) -> T {
    std::mem::take(&mut *lock(from))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
