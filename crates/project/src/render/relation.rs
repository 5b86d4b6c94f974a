//! A table in a template: it prints as its quoted name.

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};

use crate::relation::Relation;

#[derive(Debug)]
pub(super) struct RelationObject(pub(super) Relation);

impl Object for RelationObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "database" | "catalog" => Some(Value::from(self.0.catalog.as_str())),
            "schema" => Some(Value::from(self.0.schema.as_str())),
            "identifier" | "name" | "table" => Some(Value::from(self.0.table.as_str())),
            _ => None,
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
