//! A column, as `pipeline.yaml` declares it.

use serde::Deserialize;

use super::{CatalogueColumn, Column, DataType, Test};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredColumn {
    /// In the tables.
    pub name: String,
    /// The field that fills the column; by default the field with the same name.
    pub from: Option<String>,
    /// In Trino.
    pub data_type: String,
    /// Becomes the column's comment.
    pub description: Option<String>,
    /// Checked before its values are published.
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
