//! The functions that a template can call.

use std::sync::Arc;

use minijinja::value::{Kwargs, Object, Serde, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::context::Context;
use super::{invalid, json, lock, size};
use crate::nearest::did_you_mean;
use crate::sources::SourceKey;

/// A function of dbt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ref,
    Source,
    Config,
    Var,
    EnvVar,
    Log,
    Return,
    IsIncremental,
    ToJson,
}

/// A function as one model calls it.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) kind: Kind,
    pub(super) context: Arc<Context>,
}

impl Kind {
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "ref" => Some(Self::Ref),
            "source" => Some(Self::Source),
            "config" => Some(Self::Config),
            "var" => Some(Self::Var),
            "env_var" => Some(Self::EnvVar),
            "log" | "print" => Some(Self::Log),
            "return" => Some(Self::Return),
            "is_incremental" => Some(Self::IsIncremental),
            "tojson" => Some(Self::ToJson),
            _ => None,
        }
    }
}

impl Object for Bound {
    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        match self.kind {
            Kind::Ref => self.context.reference(args),
            Kind::Source => self.context.source(args),
            Kind::Config => self.context.configure(state, args),
            Kind::Var => self.context.var(args),
            Kind::EnvVar => self.context.env_var(args),
            Kind::Log => Ok(Value::from("")),
            Kind::Return => self.context.return_(args),
            Kind::IsIncremental => Ok(Value::from(false)),
            Kind::ToJson => json::function(state, args),
        }
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match (self.kind, method) {
            (Kind::Config, "get") => {
                let Named { name, default } = Named::of(args)?;
                Ok(self
                    .context
                    .configured(&name)
                    .or(default)
                    .unwrap_or_else(|| Value::from(())))
            }
            (Kind::Config, "require") => {
                let (name,): (String,) = from_args(args)?;
                self.context
                    .configured(&name)
                    .ok_or_else(|| invalid(format!("the configuration has no `{name}`")))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

impl Context {
    fn reference(&self, args: &[Value]) -> Result<Value, Error> {
        let (positional, keywords): (&[Value], Kwargs) = from_args(args)?;
        if keywords.has("v") || keywords.has("version") {
            return Err(invalid(
                "models have no versions; give each version a name, and write `ref` with that name"
                    .into(),
            ));
        }
        keywords.assert_all_used()?;
        let (first, second): (String, Option<String>) = from_args(positional)?;
        // `ref('package', 'model')`
        let name = second.unwrap_or(first);
        let shared = &self.shared;
        let model = shared.models.get(&name);
        let known = model
            .map(|table| self.model_value(&name, table))
            .or_else(|| {
                let table = shared.known.tables.get(&name)?;
                Some(self.table_value(&name, table))
            });
        let Some(table) = known else {
            let names = self
                .shared
                .models
                .keys()
                .chain(self.shared.known.tables.keys())
                .map(String::as_str);
            return Err(invalid(format!(
                "`ref('{name}')` is no model and no table of the pipeline{}",
                did_you_mean(&name, names)
            )));
        };
        lock(&self.notes.refs).insert(name);

        Ok(table)
    }

    fn source(&self, args: &[Value]) -> Result<Value, Error> {
        let (source, table): (String, String) = from_args(args)?;
        let key = SourceKey { source, table };
        let known = self
            .shared
            .sources
            .get(&key)
            .or_else(|| self.shared.known.sources.get(&key));
        let Some(name) = known else {
            let written = format!("{}.{}", key.source, key.table);
            let all = self
                .shared
                .sources
                .keys()
                .chain(self.shared.known.sources.keys());
            let names: Vec<_> = all
                .map(|key| format!("{}.{}", key.source, key.table))
                .collect();
            let near = did_you_mean(&written, names.iter().map(String::as_str));
            return Err(invalid(format!(
                "source `{written}` is not declared under `sources:` in a YAML file{near}"
            )));
        };
        let value = self.source_value(&key, name);
        lock(&self.notes.sources).insert(key);

        Ok(value)
    }

    fn configure(&self, state: &State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (positional, named): (&[Value], Kwargs) = from_args(args)?;
        let mut config = lock(&self.notes.config);
        let mut add = |name: &str, value: &Value| {
            size::check(state, value)?;
            let value = serde_json::to_value(value).map_err(|fault| invalid(fault.to_string()))?;
            config.insert(name.to_owned(), value);
            Ok::<(), Error>(())
        };
        for map in positional {
            for key in map.try_iter()? {
                add(key.as_str().unwrap_or_default(), &map.get_item(&key)?)?;
            }
        }
        for name in named.args() {
            add(name, &named.peek::<Value>(name)?)?;
        }

        Ok(Value::from(""))
    }

    fn configured(&self, name: &str) -> Option<Value> {
        let config = lock(&self.notes.config);

        config.get(name).map(|value| Value::from(Serde(value)))
    }

    fn var(&self, args: &[Value]) -> Result<Value, Error> {
        let Named { name, default } = Named::of(args)?;
        let vars = &self.shared.settings.vars;
        if let Some(value) = vars.get(&name) {
            return Ok(Value::from(Serde(value)));
        }

        default.ok_or_else(|| {
            let near = did_you_mean(&name, vars.keys().map(String::as_str));
            invalid(format!("variable `{name}` has no default, and no value under `vars:` of `pipeline.yaml` or `dbt_project.yml`{near}"))
        })
    }

    fn env_var(&self, args: &[Value]) -> Result<Value, Error> {
        let Named { name, default } = Named::of(args)?;
        let Some(value) = self.shared.known.env.get(&name) else {
            return Err(invalid(format!(
                "templates may not read the environment variable `{name}`; add it to `pipelines.env` of the settings, and to the `env` of the pipeline in `pipelines.allowed` if that lists it"
            )));
        };

        match (value, default) {
            (Some(value), _) => Ok(Value::from(value.as_str())),
            (None, Some(default)) => Ok(default),
            (None, None) => Err(invalid(format!(
                "the environment variable `{name}` is not set"
            ))),
        }
    }

    /// Ends the macro with a value: its caller looks for it.
    fn return_(&self, args: &[Value]) -> Result<Value, Error> {
        let (value,): (Option<Value>,) = from_args(args)?;
        *lock(&self.notes.returned) = Some(value.unwrap_or_else(|| Value::from(())));

        Err(invalid("`return` stands outside of a macro".into()))
    }
}

/// A name and what counts if it has no value: `var('x', 1)`, `var('x', default=1)`. A default of none is one.
struct Named {
    name: String,
    default: Option<Value>,
}

impl Named {
    fn of(args: &[Value]) -> Result<Self, Error> {
        let (positional, named): (&[Value], Kwargs) = from_args(args)?;
        let given = match positional {
            [_, default] => Some(default.clone()),
            _ if named.has("default") => Some(named.get("default")?),
            _ => None,
        };
        named.assert_all_used()?;
        match positional {
            [name] | [name, _] if name.as_str().is_some() => Ok(Self {
                name: name.as_str().unwrap_or_default().to_owned(),
                default: given,
            }),
            _ => Err(invalid(
                "a name in quotes, and perhaps a default, was expected".into(),
            )),
        }
    }
}
