//! Parameters that are members of a map, such as `key.order_id` and `label.dag_id`.

use std::collections::BTreeMap;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, Object, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Error, Result};

/// The parameters of a query.
#[derive(Default)]
pub(super) struct Members {
    /// Those of the map, by name.
    pub(super) of: BTreeMap<String, String>,
    pub(super) others: BTreeMap<String, String>,
}

impl Members {
    /// Reads a query. The map's parameters begin with `prefix`, such as `key.`. A parameter that comes twice is refused.
    pub(super) fn read(prefix: &str, query: &str) -> Result<Self> {
        let mut members = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
            let (into, short) = match name.strip_prefix(prefix) {
                Some(short) => (&mut members.of, short.to_owned()),
                None => (&mut members.others, name.clone()),
            };
            let fault = if short.is_empty() {
                format!("a name is missing behind `{prefix}`")
            } else if into.insert(short, value).is_some() {
                "it is given twice; give it once".to_owned()
            } else {
                continue;
            };
            return Err(Error::Invalid {
                detail: format!("`{name}`: {fault}"),
                field: name,
            });
        }

        Ok(members)
    }
}

/// The key of a row in the document. The names depend on the table.
pub(super) struct Key;

/// The labels of a run in the document.
pub(super) struct Labels;

impl ToSchema for Key {}

impl ToSchema for Labels {}

impl PartialSchema for Key {
    fn schema() -> RefOr<Schema> {
        map(r"^key\..+$").into()
    }
}

impl PartialSchema for Labels {
    fn schema() -> RefOr<Schema> {
        map(r"^label\..+$").into()
    }
}

fn map(names: &str) -> Object {
    let text = |pattern: Option<&str>| {
        let text = ObjectBuilder::new().schema_type(Type::String);
        text.pattern(pattern)
    };

    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property_names(Some(text(Some(names)).build()))
        .additional_properties(Some(AdditionalProperties::from(text(None))))
        .min_properties(Some(1))
        .build()
}
