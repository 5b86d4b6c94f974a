//! A table in a template: it prints as its quoted name, and may have known columns.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::{Notes, invalid, lock};
use crate::relation::{Column, Relation};

#[derive(Debug)]
pub(super) struct RelationObject {
    pub(super) relation: Relation,
    /// As far as they are known without a server.
    pub(super) columns: Option<Vec<Column>>,
    /// What to do if they are not known.
    pub(super) unknown: String,
    /// The model whose table it is.
    pub(super) model: Option<String>,
}

impl RelationObject {
    /// The columns of a table for templates: maps with `name`, `column`, `quoted`, and with `data_type` if it is known.
    pub(super) fn columns(table: &Value, notes: &Notes) -> Result<Value, Error> {
        let Some(object) = table.downcast_object_ref::<Self>() else {
            return Err(invalid(format!(
                "the columns of `{table}` are not known; only those of `ref` and `source` are"
            )));
        };
        let Some(columns) = &object.columns else {
            return Err(invalid(format!(
                "the columns of {} are not known; {}",
                object.relation, object.unknown
            )));
        };
        lock(&notes.listed).extend(object.model.clone());

        Ok(columns.iter().map(column).collect())
    }
}

fn column(column: &Column) -> Value {
    let name = column.name.as_str();
    let quoted = format!("\"{}\"", name.replace('"', "\"\""));
    let known = [
        ("name", name),
        ("column", name),
        ("quoted", quoted.as_str()),
    ];
    let data_type = column.data_type.as_deref();
    let types = data_type.map(|data_type| [("data_type", data_type), ("dtype", data_type)]);

    Value::from_pairs(known.into_iter().chain(types.into_iter().flatten()))
}

impl Object for RelationObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "database" | "catalog" => Some(Value::from(self.relation.catalog.as_str())),
            "schema" => Some(Value::from(self.relation.schema.as_str())),
            "identifier" | "name" | "table" => Some(Value::from(self.relation.table.as_str())),
            _ => None,
        }
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "render" => from_args(args).map(|()| Value::from(self.relation.to_string())),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.relation)
    }
}
