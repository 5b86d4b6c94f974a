//! A column as a pipeline declares it.

use serde::Deserialize;

use super::{CatalogueColumn, Column, DataType, Test};

/// A column as the contract declares it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredColumn {
    /// Its name in the tables.
    pub name: String,
    /// The field that fills it; the same name where it is not said.
    pub from: Option<String>,
    /// Its type in Trino.
    pub data_type: String,
    /// What it means, which becomes the column's comment.
    pub description: Option<String>,
    /// What must hold for its values before they are published.
    #[serde(default)]
    pub tests: Vec<Test>,
}

impl DeclaredColumn {
    /// The column in Trino. `from` is a field where the source has one of that name, else a path into a field's JSON.
    ///
    /// # Errors
    ///
    /// A sentence that names the types that can be declared, or what no path may hold.
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
                        "`from: {from}` is no path; write names with a point between them, without quotes"
                    ));
                }
                column.inside(field, path)
            }
            _ => column,
        })
    }
}
