//! The analysis of a model: its query, its scope, and why it is computed in full where it has none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use icefront_project::{Materialized, Model};
use icefront_scopes::{Catalog, Column, Query, Reason, Relation, RelationKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::inputs::{Inputs, ReadTable};
use crate::error::{Error, Result};
use crate::pipeline::TableId;
use crate::publish::Publisher;
use crate::sql::TableName;
use crate::state::{ModelColumn, ModelState};

/// The analyses of all models, as long as nothing changed that they follow from.
#[derive(Debug, Default)]
pub struct Analyses {
    known: Mutex<HashMap<TableId, Known>>,
}

#[derive(Debug)]
struct Known {
    made_of: Value,
    columns: Vec<ModelColumn>,
    analysis: Arc<Analysis>,
}

/// What is known of a model's query.
#[derive(Debug)]
pub struct Analysis {
    /// The tables that it reads, by their number in the analysis.
    pub inputs: Vec<ReadTable>,
    /// Their columns in Trino.
    pub columns: Vec<Vec<Column>>,
    /// The query; or why it is sent as it is, over its tables as they are.
    pub query: Result<Query, Reason>,
    pub shape: Shape,
}

/// Whether changes of inputs can be followed to the rows of a model.
#[derive(Debug)]
pub enum Shape {
    /// It is a view, or a table that is always made whole.
    Whole,
    /// Its table does not exist yet.
    Unknown,
    Scoped(Box<icefront_scopes::Model>),
    Full(Reason),
}

/// The context of `models/columns.sql`.
#[derive(Serialize)]
struct ColumnsContext<'a> {
    tables: Vec<ColumnsOf<'a>>,
}

#[derive(Serialize)]
struct ColumnsOf<'a> {
    listed_in: [&'a str; 3],
    schema: String,
    name: String,
}

/// A row of `models/columns.sql`.
#[derive(Deserialize)]
struct ColumnRow {
    number: usize,
    column_name: String,
    data_type: String,
}

impl Analyses {
    pub(super) fn forget(&self, id: &TableId) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(id);
    }

    /// The analysis of a model whose table is made of this.
    pub(super) async fn of(
        &self,
        id: &TableId,
        model: &Model,
        inputs: &Inputs,
        state: &ModelState,
        made_of: &Value,
        publisher: Publisher<'_>,
    ) -> Result<Arc<Analysis>> {
        let columns = if state.made_of.as_ref() == Some(made_of) {
            state.columns.as_slice()
        } else {
            &[]
        };
        let known = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known
                .get(id)
                .filter(|known| known.made_of == *made_of && known.columns == columns)
                .map(|known| Arc::clone(&known.analysis))
        };
        if let Some(analysis) = known {
            return Ok(analysis);
        }
        let analysis = Arc::new(analyse(id, model, inputs, columns, publisher).await?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(
            id.clone(),
            Known {
                made_of: made_of.clone(),
                columns: columns.to_vec(),
                analysis: Arc::clone(&analysis),
            },
        );

        Ok(analysis)
    }
}

/// A reason in the words of the user's query: without the analysis' own names of tables, such as `l0.`.
pub(super) fn plainly(reason: &Reason) -> String {
    let text = reason.to_string();
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('l') {
        let is_inside = rest[..at]
            .chars()
            .next_back()
            .or_else(|| plain.chars().next_back())
            .is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '"');
        let digits = rest[at + 1..]
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len() - at - 1);
        let end = at + 1 + digits;
        plain.push_str(&rest[..at]);
        if is_inside || digits == 0 || !rest[end..].starts_with('.') {
            plain.push_str(&rest[at..end]);
            rest = &rest[end..];
        } else {
            rest = &rest[end + 1..];
        }
    }
    plain.push_str(rest);

    plain
}

async fn analyse(
    id: &TableId,
    model: &Model,
    inputs: &Inputs,
    output: &[ModelColumn],
    publisher: Publisher<'_>,
) -> Result<Analysis> {
    let tables: Vec<ReadTable> = inputs.tables.iter().cloned().collect();
    let names: Vec<&TableName> = tables.iter().map(|read| &read.table).collect();
    let columns = columns_of(&names, publisher).await?;
    if let Some(missing) = columns.iter().position(Vec::is_empty) {
        return Err(Error::ModelBroken {
            model: id.to_string(),
            detail: format!(
                "it reads `{}`, which does not exist in Trino",
                tables[missing].table
            ),
        });
    }
    let of_tables = tables.iter().zip(&columns).map(|(read, columns)| Relation {
        name: read.table.0.clone(),
        columns: columns.clone(),
        kind: RelationKind::Table,
    });
    let of_views = inputs.views.iter().map(|view| Relation {
        name: view.name.0.clone(),
        columns: Vec::new(),
        kind: RelationKind::View {
            sql: view.sql.clone(),
        },
    });
    let session = &model.relation;
    let catalog = Catalog::new(
        &session.catalog,
        &session.schema,
        of_tables.chain(of_views).collect(),
    );
    let query = Query::read(&model.sql, &catalog);
    let shape = match (&query, model.config.materialized) {
        (_, Materialized::View | Materialized::Table) => Shape::Whole,
        (Err(reason), _) => Shape::Full(reason.clone()),
        _ if output.is_empty() => Shape::Unknown,
        (Ok(query), _) => {
            let output: Vec<Column> = output.iter().map(column).collect();
            let analysed =
                icefront_scopes::Model::of(query.clone(), &model.config.unique_key, &output);
            analysed.map_or_else(Shape::Full, |model| Shape::Scoped(Box::new(model)))
        }
    };

    Ok(Analysis {
        inputs: tables,
        columns,
        query,
        shape,
    })
}

fn column(column: &ModelColumn) -> Column {
    Column {
        name: column.name.clone(),
        data_type: column.data_type.clone(),
    }
}

/// The columns of tables as Trino has them; none of a table that does not exist.
pub(super) async fn columns_of(
    tables: &[&TableName],
    publisher: Publisher<'_>,
) -> Result<Vec<Vec<Column>>> {
    let mut columns: Vec<Vec<Column>> = vec![Vec::new(); tables.len()];
    if tables.is_empty() {
        return Ok(columns);
    }
    let tables = tables
        .iter()
        .map(|table| ColumnsOf {
            listed_in: [&table.0[0], "information_schema", "columns"],
            // Trino keeps names in lower case.
            schema: table.0[1].to_lowercase(),
            name: table.0[2].to_lowercase(),
        })
        .collect();
    let rows: Vec<ColumnRow> = publisher
        .rows("models/columns.sql", ColumnsContext { tables })
        .await?;
    for row in rows {
        if let Some(of) = columns.get_mut(row.number) {
            of.push(Column {
                name: row.column_name,
                data_type: row.data_type,
            });
        }
    }

    Ok(columns)
}

/// The columns of a table as the state keeps them.
pub(super) fn kept(columns: &[Column]) -> Vec<ModelColumn> {
    columns
        .iter()
        .map(|column| ModelColumn {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_columns_as_the_query_does() {
        let reason = Reason::Clock(r#"l0."day" > l12.full AND "l1.x" = old.l2"#.into());
        assert!(plainly(&reason).ends_with(r#"`"day" > full AND "l1.x" = old.l2`"#));
    }
}
