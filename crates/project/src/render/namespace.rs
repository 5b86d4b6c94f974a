//! Names with a point: `dbt.…`, `dbt_utils.…`, `exceptions.…`, `adapter.…`, and the project's own; and names that are refused.

use std::sync::Arc;

use minijinja::value::{Kwargs, Object, from_args};
use minijinja::{Error, State, Value};

use super::context::Context;
use super::invalid;
use super::relation::RelationObject;

#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) name: String,
    pub(super) context: Arc<Context>,
}

impl Object for Namespace {
    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let shared = &self.context.shared;
        if let Some(value) = shared.replaced.get(&format!("{}.{method}", self.name)) {
            return Ok(value.clone());
        }
        let macros = &shared.macros;
        match (self.name.as_str(), method) {
            ("exceptions", "raise_compiler_error") => {
                let (message, _): (String, Option<Value>) = from_args(args)?;
                Err(invalid(message))
            }
            ("exceptions", "warn") => Ok(Value::from("")),
            ("adapter", "dispatch") => self.dispatch(args),
            ("adapter", "quote") => {
                let (name,): (String,) = from_args(args)?;
                Ok(Value::from(format!("\"{}\"", name.replace('"', "\"\""))))
            }
            ("adapter", "get_columns_in_relation") => {
                let (table,): (Value,) = from_args(args)?;
                RelationObject::columns(&table, &self.context.notes)
            }
            ("exceptions" | "adapter", _) => Err(invalid(format!(
                "`{}.{method}` is not supported: a model is rendered without a server",
                self.name
            ))),
            (package, _) if macros.has(package, method) => {
                self.context.macro_of(package, method).call(state, args)
            }
            (package, _) => match macros
                .own(method)
                .filter(|_| package == self.context.shared.settings.name)
            {
                Some(template) => self.context.macro_of(template, method).call(state, args),
                None => Err(invalid(missing(package, method))),
            },
        }
    }
}

impl Namespace {
    /// `adapter.dispatch('name', 'package')`, also with `macro_name` and `macro_namespace`.
    fn dispatch(&self, args: &[Value]) -> Result<Value, Error> {
        let (name, package, named): (Option<String>, Option<String>, Kwargs) = from_args(args)?;
        let name = match name {
            Some(name) => name,
            None => named.get("macro_name")?,
        };
        let package = match package {
            Some(package) => Some(package),
            None => named.get("macro_namespace")?,
        };
        named.assert_all_used()?;

        self.context.dispatched(&name, package.as_deref())
    }
}

/// Macros of `dbt_utils` that ask the database, with what to do instead.
const OF_UTILS: [(&str, &str); 6] = [
    (
        "get_column_values",
        "write the values as a list: the SQL of a model may not depend on data",
    ),
    (
        "get_single_value",
        "write the value, or join the table: the SQL of a model may not depend on data",
    ),
    (
        "get_query_results_as_dict",
        "write the values, or join the table: the SQL of a model may not depend on data",
    ),
    ("get_relations_by_pattern", "write a list of `ref(…)`"),
    ("get_relations_by_prefix", "write a list of `ref(…)`"),
    ("get_tables_by_pattern_sql", "write a list of `ref(…)`"),
];

/// What to say about a macro that a package lacks.
fn missing(package: &str, method: &str) -> String {
    let refused = OF_UTILS.iter().find(|(name, _)| *name == method);
    match refused.filter(|_| package == "dbt_utils") {
        Some((_, instead)) => format!("`dbt_utils.{method}` is not supported; {instead}"),
        None => format!("`{package}` has no macro `{method}` here; write it in `macros/`"),
    }
}

/// What dbt has and a model cannot have here.
#[derive(Debug)]
pub(super) struct Refused {
    name: &'static str,
    instead: &'static str,
}

const WITHOUT_SERVER: &str =
    "a model is rendered without a server; write the values into `vars`, or join the table";
const REFUSED: [(&str, &str); 20] = [
    ("run_query", WITHOUT_SERVER),
    ("statement", WITHOUT_SERVER),
    ("load_result", WITHOUT_SERVER),
    ("store_result", WITHOUT_SERVER),
    ("graph", "use `ref`"),
    ("modules", "use Trino's functions"),
    ("api", "write the column or the relation as text"),
    ("fromyaml", "write the value into `vars`"),
    ("toyaml", "write the text"),
    ("fromjson", "write the value into `vars`"),
    ("run_started_at", "use `current_timestamp`"),
    ("invocation_id", "the same models must give the same SQL"),
    ("flags", "use `var`"),
    ("local_md5", "use Trino's `md5`"),
    ("set", "use a list"),
    ("zip", "loop over the index"),
    ("builtins", "call the function by its name"),
    ("doc", "write the description"),
    ("selected_resources", "use `ref`"),
    ("write", "a template writes no files"),
];

impl Refused {
    pub(super) fn of(name: &str) -> Option<Self> {
        REFUSED
            .iter()
            .find(|(refused, _)| *refused == name)
            .map(|(name, instead)| Self { name, instead })
    }

    fn error(&self) -> Error {
        invalid(format!(
            "`{}` is not supported; {}",
            self.name, self.instead
        ))
    }
}

impl Object for Refused {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from(self.error()))
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Err(self.error())
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        _: &str,
        _: &[Value],
    ) -> Result<Value, Error> {
        Err(self.error())
    }
}
