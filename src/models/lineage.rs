//! Where the columns of a model come from.

use icefront_scopes::{Catalog, Lineage, Query, Relation, RelationKind};

use super::analysis::columns_of;
use super::inputs::Inputs;
use super::refresh::Refreshing;
use crate::error::Result;
use crate::sql::TableName;

/// Where the columns of a model come from, in the tables and views that its query names.
#[derive(Debug)]
pub struct ColumnLineage {
    /// By their number in `lineage`.
    pub inputs: Vec<TableName>,
    pub lineage: Lineage,
}

/// Finds out where the columns of a model come from. `None` if its query is not understood to the last word.
pub async fn column_lineage(model: Refreshing<'_>) -> Result<Option<ColumnLineage>> {
    let inputs = Inputs::read_directly(model.definition, model.names, model.model);
    let inputs: Vec<TableName> = inputs.into_iter().collect();
    let columns = columns_of(&inputs.iter().collect::<Vec<_>>(), model.publisher).await?;
    let relations = inputs.iter().zip(columns).map(|(table, columns)| Relation {
        name: table.0.clone(),
        columns,
        kind: RelationKind::Table,
    });
    let session = &model.model.relation;
    let catalog = Catalog::new(&session.catalog, &session.schema, relations.collect());
    let query = Query::read(&model.model.sql, &catalog).ok();

    Ok(query.map(|query| ColumnLineage {
        inputs,
        lineage: query.lineage(),
    }))
}
