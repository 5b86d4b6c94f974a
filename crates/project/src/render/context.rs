//! The names that a template can use.

use std::sync::Arc;

use minijinja::value::Object;
use minijinja::{Error, ErrorKind, Value};

use super::functions::{Bound, Kind};
use super::macros::{Constant, Macro};
use super::namespace::{Namespace, Refused};
use super::relation::RelationObject;
use super::{Notes, Shared};
use crate::relation::Relation;
use crate::sources::SourceKey;

/// What one model sees.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) model: String,
    pub(super) shared: Arc<Shared>,
    pub(super) notes: Arc<Notes>,
}

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        if let Some(value) = self.shared.replaced.get(name) {
            return Some(Value::from_object(Constant(value.clone())));
        }
        if let Some(kind) = Kind::of(name) {
            return Some(Value::from_object(Bound {
                kind,
                context: Arc::clone(self),
            }));
        }
        let shared = &self.shared;
        match name {
            "this" => {
                let table = shared.models.get(&self.model)?;
                return Some(self.model_value(&self.model, table));
            }
            "target" => return Some(self.target()),
            "model" => return Some(self.node()),
            "execute" => return Some(Value::from(true)),
            "project_name" => return Some(Value::from(shared.settings.name.as_str())),
            _ if self.is_namespace(name) => {
                return Some(Value::from_object(Namespace {
                    name: name.into(),
                    context: Arc::clone(self),
                }));
            }
            _ => {}
        }
        if let Some(template) = shared.macros.own(name) {
            return Some(self.macro_of(template, name));
        }
        if shared.macros.has("dbt", name) {
            return Some(self.macro_of("dbt", name));
        }

        Refused::of(name).map(Value::from_object)
    }
}

impl Context {
    fn is_namespace(&self, name: &str) -> bool {
        matches!(name, "exceptions" | "adapter")
            || self.shared.macros.is_package(name)
            || name == self.shared.settings.name
    }

    fn target(&self) -> Value {
        let known = &self.shared.known;
        Value::from_pairs([
            ("name", known.target.as_str()),
            ("schema", known.schema.as_str()),
            ("database", known.catalog.as_str()),
            ("catalog", known.catalog.as_str()),
            ("type", "trino"),
        ])
    }

    /// What dbt knows of the model, or of the singular test.
    fn node(&self) -> Value {
        let table = self.shared.models.get(&self.model);
        let kind = if table.is_some() { "model" } else { "test" };
        let project = self.shared.settings.name.as_str();
        let table = table.map(|table| {
            [
                ("alias", table.table.clone()),
                ("schema", table.schema.clone()),
                ("database", table.catalog.clone()),
            ]
        });
        let known = [
            ("name", self.model.clone()),
            ("resource_type", kind.to_owned()),
            ("package_name", project.to_owned()),
            ("unique_id", format!("{kind}.{project}.{}", self.model)),
        ];

        Value::from_pairs(known.into_iter().chain(table.into_iter().flatten()))
    }

    pub(super) fn macro_of(self: &Arc<Self>, template: &str, name: &str) -> Value {
        Value::from_object(Macro {
            template: template.into(),
            name: name.into(),
            context: Arc::clone(self),
        })
    }

    /// The macro that `adapter.dispatch` means: the project's for Trino, its default, then the package's.
    pub(super) fn dispatched(
        self: &Arc<Self>,
        name: &str,
        package: Option<&str>,
    ) -> Result<Value, Error> {
        let macros = &self.shared.macros;
        let candidates = [format!("trino__{name}"), format!("default__{name}")];
        for candidate in &candidates {
            if let Some(template) = macros.own(candidate) {
                return Ok(self.macro_of(template, candidate));
            }
        }
        for package in package.into_iter().chain(["dbt", "dbt_utils"]) {
            if macros.has(package, name) {
                return Ok(self.macro_of(package, name));
            }
        }

        Err(Error::new(
            ErrorKind::UnknownFunction,
            format!(
                "there is no macro `{}` and no macro `{}`",
                candidates[0], candidates[1]
            ),
        ))
    }
}

/// Tables with their columns.
impl Context {
    pub(super) fn model_value(&self, name: &str, table: &Relation) -> Value {
        Value::from_object(RelationObject {
            relation: table.clone(),
            columns: self.shared.model_columns.get(name).cloned(),
            unknown: format!("list all columns of `{name}` under `columns` in its YAML"),
            model: Some(name.to_owned()),
        })
    }

    pub(super) fn table_value(&self, name: &str, table: &Relation) -> Value {
        Value::from_object(RelationObject {
            relation: table.clone(),
            columns: self.shared.known.columns.get(table).cloned(),
            unknown: format!("write the names of the columns of `{name}`"),
            model: None,
        })
    }

    pub(super) fn source_value(&self, key: &SourceKey, table: &Relation) -> Value {
        let known = self.shared.known.columns.get(table);

        Value::from_object(RelationObject {
            relation: table.clone(),
            columns: known
                .or_else(|| self.shared.source_columns.get(key))
                .cloned(),
            unknown: format!(
                "list all columns of `{}.{}` under `sources:` in a YAML file",
                key.source, key.table
            ),
            model: None,
        })
    }
}
