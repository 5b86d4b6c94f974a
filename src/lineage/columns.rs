//! Where the columns of a table come from, as the facet of a dataset.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use icefront_scopes::{Influence, InputColumn, Made};
use serde_json::{Map, Value, json};

use super::names::DatasetName;
use crate::app::App;
use crate::models::ColumnLineage;
use crate::pipeline::{Column, PipelineModel, TableId};
use crate::report;
use crate::state::ModelColumn;

/// The longest wait for the columns of a model's inputs. An event must be sent within the time of a try.
const LOOK_LIMIT: Duration = Duration::from_secs(4);

/// Where the columns of models come from, as long as neither their queries nor their columns change.
#[derive(Debug, Default)]
pub(super) struct KnownLineages {
    known: Mutex<HashMap<TableId, Known>>,
}

#[derive(Debug)]
struct Known {
    sql: String,
    columns: Vec<ModelColumn>,
    lineage: Option<Arc<ColumnLineage>>,
}

impl KnownLineages {
    /// Where the columns of a model come from; `None` if that is not certain, or Trino does not say what its inputs are.
    pub(super) async fn of(
        &self,
        app: &App,
        of: PipelineModel<'_>,
        columns: &[ModelColumn],
    ) -> Option<Arc<ColumnLineage>> {
        let id = of.id();
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let known = known
                .get(&id)
                .filter(|known| known.sql == of.model.sql && known.columns == columns);
            if let Some(known) = known {
                return known.lineage.clone();
            }
        }
        let look = Box::pin(report::column_lineage(app, of));
        let looked = tokio::time::timeout(LOOK_LIMIT, look).await;
        let lineage = match looked {
            Ok(Ok(lineage)) => lineage.map(Arc::new),
            Ok(Err(error)) => {
                tracing::debug!(model = %id, %error, "an event has no lineage of columns");
                return None;
            }
            Err(_) => return None,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(
            id,
            Known {
                sql: of.model.sql.clone(),
                columns: columns.to_vec(),
                lineage: lineage.clone(),
            },
        );

        lineage
    }
}

/// The columns of a typed log come from the fields of the source.
pub(super) fn from_source(columns: &[Column], source: &DatasetName) -> Value {
    let fields = columns.iter().map(|column| {
        // A field of JSON is taken apart; any other value is kept exactly.
        let subtype = if column.path.is_some() {
            "TRANSFORMATION"
        } else {
            "IDENTITY"
        };
        let from = input_field(source, &column.from, "DIRECT", subtype);
        (column.name.clone(), json!({"inputFields": [from]}))
    });

    json!({"fields": fields.collect::<Map<_, _>>()})
}

/// The columns of marts are those of the typed log.
pub(super) fn from_log(columns: &[Column], log: &DatasetName) -> Value {
    let fields = columns.iter().map(|column| {
        let from = input_field(log, &column.name, "DIRECT", "IDENTITY");
        (column.name.clone(), json!({"inputFields": [from]}))
    });

    json!({"fields": fields.collect::<Map<_, _>>()})
}

/// The columns of a model, and those that decide which rows it has.
pub(super) fn of_model(app: &App, known: &ColumnLineage) -> Value {
    let inputs: Vec<DatasetName> = known
        .inputs
        .iter()
        .map(|table| DatasetName::in_trino(app, table))
        .collect();
    let field = |from: &InputColumn, kind, subtype| {
        let dataset = inputs.get(from.input)?;
        Some(input_field(dataset, &from.column, kind, subtype))
    };
    let columns = known.lineage.columns.iter();
    let fields = columns.map(|(name, origins)| {
        let from = origins.iter();
        let from: Vec<Value> = from
            .filter_map(|(from, made)| {
                let subtype = match made {
                    Made::Same => "IDENTITY",
                    Made::Computed => "TRANSFORMATION",
                    Made::Aggregated => "AGGREGATION",
                };
                field(from, "DIRECT", subtype)
            })
            .collect();
        (name.to_lowercase(), json!({"inputFields": from}))
    });
    let rows = known.lineage.rows.iter();
    let rows: Vec<Value> = rows
        .filter_map(|(from, influence)| {
            let subtype = match influence {
                Influence::Filter => "FILTER",
                Influence::Join => "JOIN",
                Influence::GroupBy => "GROUP_BY",
                Influence::Sort => "SORT",
            };
            field(from, "INDIRECT", subtype)
        })
        .collect();

    json!({"fields": fields.collect::<Map<_, _>>(), "dataset": rows})
}

fn input_field(dataset: &DatasetName, field: &str, kind: &str, subtype: &str) -> Value {
    json!({
        "namespace": dataset.namespace,
        "name": dataset.name,
        "field": field,
        "transformations": [{"type": kind, "subtype": subtype, "masking": false}],
    })
}
