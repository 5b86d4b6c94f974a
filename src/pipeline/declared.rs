//! A column, as `pipeline.yaml` declares it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{CatalogueColumn, Column, DataType, Test};

/// A column of a table.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredColumn {
    /// The name of the column in the tables.
    pub name: String,
    /// The field that fills the column, or a path into a field's JSON, such as `attributes.address.city`; by default the field with the
    /// same name.
    pub from: Option<String>,
    /// The type in Trino.
    #[schemars(example = &"decimal(18,2)")]
    pub data_type: String,
    /// Becomes the column's comment.
    pub description: Option<String>,
    /// Tests of the values; a run checks them before it publishes rows.
    #[serde(default)]
    pub tests: Vec<Test>,
}

impl DeclaredColumn {
    /// `from` is the source's field with that name; without such a field, it is a path into a field's JSON.
    ///
    /// # Errors
    ///
    /// A sentence with the types that can be declared, or with the fault of the path.
    pub fn column(&self, catalogue: &[CatalogueColumn]) -> Result<Column, String> {
        let data_type = DataType::parse(&self.data_type)?;
        let from = self.from.as_deref().unwrap_or(&self.name);
        let mut column = Column::new(&self.name, from, &data_type);
        column.description.clone_from(&self.description);
        let is_field = catalogue.iter().any(|field| field.name == from);

        Ok(match from.split_once('.') {
            Some((field, path)) if !is_field && self.from.is_some() => {
                if field.is_empty()
                    || path.split('.').any(str::is_empty)
                    || path.contains(['"', '\\'])
                {
                    return Err(format!(
                        "`from: {from}` is not a path; write names separated by points, without quotes"
                    ));
                }
                column.inside(field, path)
            }
            _ => column,
        })
    }
}
