//! A table as a dataset of an event: its columns, its version, and what it means.

use std::collections::HashMap;

use icefront_project::Model;
use serde_json::{Value, json};

use super::facet::{Facet, Facets};
use super::names::DatasetName;
use super::places::Place;
use crate::app::App;
use crate::error::Result;
use crate::pipeline::{Definition, Names, TableId};
use crate::state::{ModelState, TableState};

const TIME: &str = "timestamp(6) with time zone";
/// The columns that Icefront adds to those of a table, in its typed log.
const OF_LOG: [(&str, &str); 5] = [
    ("_event_id", "bigint"),
    ("_operation", "varchar"),
    ("_occurred_at", TIME),
    ("_ingested_at", TIME),
    ("_batch_id", "bigint"),
];
const OF_CURRENT: [(&str, &str); 4] = [
    ("_event_id", "bigint"),
    ("_occurred_at", TIME),
    ("_ingested_at", TIME),
    ("_batch_id", "bigint"),
];
const OF_HISTORY: [(&str, &str); 7] = [
    ("valid_from", TIME),
    ("valid_to", TIME),
    ("is_current", "boolean"),
    ("is_deleted", "boolean"),
    ("_event_id", "bigint"),
    ("_ingested_at", TIME),
    ("_batch_id", "bigint"),
];
const OF_LANDING: [(&str, &str); 10] = [
    ("ingested_at", TIME),
    ("source_file", "varchar"),
    ("audit_event_id", "bigint"),
    ("audit_operation", "varchar"),
    ("audit_timestamp", TIME),
    ("tbl_schema", "varchar"),
    ("tbl_name", "varchar"),
    ("raw_data", "varchar"),
    ("fields", "map(varchar, varchar)"),
    ("_batch_id", "bigint"),
];

/// A dataset of an event.
#[derive(Debug)]
pub(super) struct Dataset {
    pub(super) name: DatasetName,
    pub(super) facets: Facets,
    /// What is true only of this input or output.
    pub(super) own_facets: Facets,
}

impl Dataset {
    /// As an event has it; `own` is the name of the facets of this input or output.
    pub(super) fn written(self, own: &str) -> Value {
        let mut written = json!({
            "namespace": self.name.namespace,
            "name": self.name.name,
            "facets": self.facets,
        });
        written[own] = self.own_facets.into();

        written
    }
}

/// What is known of the tables of a step.
#[derive(Debug)]
pub(super) struct KnownTables<'a> {
    app: &'a App,
    definition: &'a Definition,
    names: Names<'a>,
    tables: HashMap<TableId, TableState>,
    models: HashMap<TableId, ModelState>,
    /// By table in Trino.
    pub(super) snapshots: HashMap<String, String>,
}

impl<'a> KnownTables<'a> {
    /// Looks up what is known of some places, with the snapshots that they had at a time.
    pub(super) async fn find(
        app: &'a App,
        definition: &'a Definition,
        places: &[&Place<'_>],
        at: jiff::Timestamp,
    ) -> Result<Self> {
        let names = Names::new(definition, &app.config);
        let ids: Vec<TableId> = places
            .iter()
            .filter_map(|place| id(definition, place))
            .collect();
        let ids: Vec<&TableId> = ids.iter().collect();
        let targets: Vec<String> = places
            .iter()
            .filter_map(|place| Some(place.table(&names)?.to_string()))
            .collect();

        let (store, pipeline) = (&app.store, &definition.name);
        let mut snapshots = store.snapshots_at(pipeline, &targets, at).await?;
        // A refresh knows its snapshot better: a statement may have written a build that then took the model's name.
        let models = places.iter().filter_map(|place| match place {
            Place::Model(model) => Some(*model),
            _ => None,
        });
        let models: Vec<&Model> = models.collect();
        let asked: Vec<String> = models.iter().map(|model| model.name.clone()).collect();
        let published = store.published_at(pipeline, &asked, at).await?;
        for model in models {
            if let Some(snapshot) = published.get(&model.name) {
                snapshots.insert(Names::model(model).to_string(), snapshot.clone());
            }
        }

        Ok(Self {
            tables: store.tables(&ids).await?,
            models: store.models(&ids).await?,
            snapshots,
            app,
            definition,
            names,
        })
    }

    /// The tracked table of a place.
    pub(super) fn table(&self, place: &Place<'_>) -> Option<&TableState> {
        self.tables.get(&id(self.definition, place)?)
    }

    /// The model of a place.
    pub(super) fn model(&self, place: &Place<'_>) -> Option<&ModelState> {
        self.models.get(&id(self.definition, place)?)
    }

    pub(super) fn name(&self, place: &Place<'_>) -> Option<DatasetName> {
        if let Place::Source(table) = place {
            return DatasetName::in_source(self.app, self.definition, table);
        }

        Some(DatasetName::in_trino(self.app, &place.table(&self.names)?))
    }

    /// A place as a dataset; `None` if the settings do not say where it is.
    pub(super) fn dataset(&self, place: &Place<'_>) -> Option<Dataset> {
        let name = self.name(place)?;
        let mut facets = Facets::new();
        let columns = self.columns(place);
        if !columns.is_empty() {
            Facet::SCHEMA.add(&mut facets, json!({"fields": columns}));
        }
        let uri = match name.namespace.as_str() {
            "file" => "file:///",
            other => other,
        };
        Facet::DATA_SOURCE.add(&mut facets, json!({"name": name.namespace, "uri": uri}));
        if let Some(table) = place.table(&self.names) {
            let kind = if place.is_view() { "VIEW" } else { "TABLE" };
            Facet::DATASET_TYPE.add(&mut facets, json!({"datasetType": kind}));
            if let Some(snapshot) = self.snapshots.get(&table.to_string()) {
                Facet::VERSION.add(&mut facets, json!({"datasetVersion": snapshot}));
            }
        }
        if let Some(description) = place.description() {
            Facet::DOCUMENTATION.add(&mut facets, json!({"description": description}));
        }

        Some(Dataset {
            name,
            facets,
            own_facets: Facets::new(),
        })
    }

    fn columns(&self, place: &Place<'_>) -> Vec<Value> {
        if matches!(place, Place::Landing) {
            return added(&OF_LANDING);
        }
        if let Some(model) = self.model(place) {
            let columns = model.columns.iter();
            return columns
                .map(|column| json!({"name": column.name, "type": column.data_type}))
                .collect();
        }
        let Some(table) = self.table(place) else {
            return Vec::new();
        };
        if matches!(place, Place::Source(_)) {
            let columns = table.catalogue.iter();
            return columns
                .map(|column| json!({"name": column.name, "type": column.data_type}))
                .collect();
        }
        let own = table
            .columns
            .iter()
            .map(|column| match &column.description {
                Some(description) => json!({
                    "name": column.name, "type": column.data_type, "description": description,
                }),
                None => json!({"name": column.name, "type": column.data_type}),
            });
        let (mut columns, after) = match place {
            Place::TypedLog(_) => (added(&OF_LOG), Vec::new()),
            Place::History(_) => (Vec::new(), added(&OF_HISTORY)),
            _ => (Vec::new(), added(&OF_CURRENT)),
        };
        columns.extend(own);
        columns.extend(after);

        columns
    }
}

fn added(columns: &[(&str, &str)]) -> Vec<Value> {
    let columns = columns.iter();

    columns
        .map(|(name, data_type)| json!({"name": name, "type": data_type}))
        .collect()
}

/// The tracked table or the model of a place.
fn id(definition: &Definition, place: &Place<'_>) -> Option<TableId> {
    match place {
        Place::Source(table)
        | Place::TypedLog(table)
        | Place::Current(table)
        | Place::History(table) => Some(table.id.clone()),
        Place::Model(model) => Some(TableId::new(&definition.name, &model.name)),
        Place::Landing | Place::Rejects | Place::Declared(_) => None,
    }
}
