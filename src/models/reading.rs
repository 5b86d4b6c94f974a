//! What a refresh reads: one snapshot of each input, and the version by which a change is seen.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::analysis::{columns_of, kept};
use super::inputs::{Input, Inputs, ReadTable};
use crate::error::{Error, Result};
use crate::pipeline::{Definition, Marts, TableId};
use crate::publish::Publisher;
use crate::sql::TableName;
use crate::state::{InputReading, ModelColumn, Reading, TableState, Window};

/// The snapshots that the models of a run read. Each is looked up once, so that all models read the same.
#[derive(Debug, Default)]
pub struct Snapshots {
    known: Mutex<HashMap<TableName, Option<String>>>,
}

/// The context of `models/snapshot.sql`.
#[derive(Serialize)]
struct SnapshotContext {
    refs: TableName,
}

/// The row of `models/snapshot.sql`.
#[derive(Deserialize)]
struct SnapshotRow {
    snapshot: Option<String>,
}

/// What Trino says about `$refs` of a table that has no snapshots: it is none of Iceberg.
const NO_ICEBERG: [&str; 2] = ["TABLE_NOT_FOUND", "NOT_SUPPORTED"];

impl Snapshots {
    /// The snapshot of a table; `None` if it is empty, or not of Iceberg.
    pub(super) async fn of(
        &self,
        publisher: Publisher<'_>,
        table: &TableName,
    ) -> Result<Option<String>> {
        let mut known = self.known.lock().await;
        if let Some(snapshot) = known.get(table) {
            return Ok(snapshot.clone());
        }
        let snapshot = self.now(publisher, table).await?;
        known.insert(table.clone(), snapshot.clone());

        Ok(snapshot)
    }

    /// As [`Snapshots::of`], but always looked up.
    async fn now(&self, publisher: Publisher<'_>, table: &TableName) -> Result<Option<String>> {
        let context = SnapshotContext {
            refs: table.metadata("refs"),
        };
        let rows: Vec<SnapshotRow> = match publisher.rows("models/snapshot.sql", context).await {
            Err(Error::Trino(failure)) if NO_ICEBERG.contains(&failure.name.as_str()) => Vec::new(),
            rows => rows?,
        };

        Ok(rows.into_iter().next().and_then(|row| row.snapshot))
    }
}

/// The inputs of a model as they are, before a snapshot is looked up.
#[derive(Debug, Clone, Default)]
pub(super) struct Present {
    /// By table.
    pub(super) inputs: BTreeMap<TableName, PresentInput>,
}

/// An input as it is.
#[derive(Debug, Clone)]
pub(super) struct PresentInput {
    pub(super) input: Input,
    /// What its columns follow from, to see that they changed: business columns, or those of a model.
    pub(super) columns: Vec<ModelColumn>,
    /// The table with the rows: of current rows that are a view, the history.
    pub(super) stored: TableName,
    /// Whether its rows are the open versions of `stored`.
    pub(super) is_view: bool,
    /// Whether it is read as it is now. A snapshot lacks the columns that were added after it.
    pub(super) is_latest: bool,
    pub(super) reading: InputReading,
    /// The last batch up to which everything is in it; `None` if it is not of the pipeline.
    pub(super) covered_batch: Option<i64>,
}

impl Present {
    /// The last batch up to which everything is in all inputs.
    pub(super) fn covered_batch(&self) -> Option<i64> {
        let inputs = self.inputs.values();

        inputs.filter_map(|input| input.covered_batch).min()
    }

    pub(super) async fn of(
        definition: &Definition,
        model: &TableId,
        inputs: &Inputs,
        snapshots: &Snapshots,
        publisher: Publisher<'_>,
    ) -> Result<Self> {
        let look = Look {
            definition,
            model,
            snapshots,
            publisher,
        };
        let mut present = Self::default();
        for read in &inputs.tables {
            let input = look.input(read).await?;
            present.inputs.insert(read.table.clone(), input);
        }

        Ok(present)
    }

    /// The inputs that are not as an earlier refresh read them.
    pub(super) async fn changed_since(
        &self,
        earlier: &Reading,
        definition: &Definition,
        publisher: Publisher<'_>,
    ) -> Result<BTreeSet<TableName>> {
        let mut changed = BTreeSet::new();
        for (table, now) in &self.inputs {
            let Some(before) = earlier.inputs.get(&table.to_string()) else {
                changed.insert(table.clone());
                continue;
            };
            let is_same = match &now.input {
                // A table without snapshots may have changed.
                Input::Declared => {
                    now.reading.version.is_some() && now.reading.version == before.version
                }
                Input::Log(id) => {
                    now.reading.remakes == before.remakes
                        && !has_events(definition, id, before, &now.reading, publisher).await?
                }
                Input::Current(_) | Input::History(_) | Input::Model(_) => {
                    now.reading.version == before.version
                }
            };
            if !is_same {
                changed.insert(table.clone());
            }
        }

        Ok(changed)
    }

    /// What a refresh reads that follows changes: the last publications that were recorded. A table may have a commit that is
    /// not recorded yet, and whose changes are therefore not known.
    ///
    /// Inputs that did not change stay at the snapshot of the `earlier` refresh, so that nothing of them comes in unseen.
    pub(super) async fn recorded(
        &mut self,
        as_of: jiff::Timestamp,
        earlier: &Reading,
        changed: &BTreeSet<TableName>,
        snapshots: &Snapshots,
        publisher: Publisher<'_>,
    ) -> Result<Reading> {
        for (table, present) in &mut self.inputs {
            let before = earlier.inputs.get(&table.to_string());
            if let Some(before) = before.filter(|_| !changed.contains(table)) {
                present.reading.clone_from(before);
                continue;
            }
            let reading = &mut present.reading;
            reading.snapshot = match present.input {
                Input::Log(_) => snapshots.of(publisher, &present.stored).await?,
                _ => reading.version.clone(),
            };
        }

        Ok(self.as_reading(as_of))
    }

    /// What a full refresh reads: the tables as they are. An old snapshot may be expired.
    pub(super) async fn latest(
        &mut self,
        as_of: jiff::Timestamp,
        snapshots: &Snapshots,
        publisher: Publisher<'_>,
    ) -> Result<Reading> {
        for present in self.inputs.values_mut() {
            present.reading.snapshot = match present.input {
                // Models of the same run write it before this one reads it.
                Input::Model(_) => snapshots.now(publisher, &present.stored).await?,
                _ => snapshots.of(publisher, &present.stored).await?,
            };
            present.is_latest = true;
        }

        Ok(self.as_reading(as_of))
    }

    /// What a refresh reads that needs no snapshot, because nothing changed.
    pub(super) fn as_reading(&self, as_of: jiff::Timestamp) -> Reading {
        let inputs = self.inputs.iter();

        Reading {
            as_of,
            inputs: inputs
                .map(|(table, present)| (table.to_string(), present.reading.clone()))
                .collect(),
        }
    }
}

/// Whether a typed log got events of its table since an earlier reading.
async fn has_events(
    definition: &Definition,
    id: &TableId,
    before: &InputReading,
    now: &InputReading,
    publisher: Publisher<'_>,
) -> Result<bool> {
    let (Some(after_batch), Some(upto_batch)) = (before.upto_batch, now.upto_batch) else {
        return Ok(true);
    };
    let Some(table) = definition.tables.get(&id.name) else {
        return Ok(true);
    };
    let window = Window {
        after_batch,
        upto_batch,
    };
    let landed = publisher.store.landed_between(table, window).await?;

    Ok(landed.summary.event_count > 0 || landed.summary.replayed > 0)
}

struct Look<'a> {
    definition: &'a Definition,
    model: &'a TableId,
    snapshots: &'a Snapshots,
    publisher: Publisher<'a>,
}

impl Look<'_> {
    async fn input(&self, ReadTable { input, table }: &ReadTable) -> Result<PresentInput> {
        let mut present = PresentInput {
            input: input.clone(),
            columns: Vec::new(),
            stored: table.clone(),
            is_view: false,
            is_latest: false,
            reading: InputReading::default(),
            covered_batch: None,
        };
        match input {
            Input::Current(id) | Input::History(id) | Input::Log(id) => {
                self.tracked(&mut present, id).await?;
            }
            Input::Model(id) => {
                let state = self.publisher.store.model(id).await?;
                if state.made_of.is_none() {
                    return Err(self.missing(&format!("model `{id}` was never refreshed")));
                }
                present.columns = state.columns;
                present.covered_batch = state.covered_batch;
                present.reading.version.clone_from(&state.snapshot);
                present.reading.snapshot = state.snapshot;
            }
            Input::Declared => {
                let columns = columns_of(&[table], self.publisher).await?.pop();
                present.columns = kept(&columns.unwrap_or_default());
                if present.columns.is_empty() {
                    return Err(Error::ModelBroken {
                        model: self.model.to_string(),
                        detail: format!(
                            "it reads `{table}`, which does not exist in Trino; create it, or correct its source"
                        ),
                    });
                }
                let snapshot = self.snapshots.of(self.publisher, table).await?;
                present.reading.version.clone_from(&snapshot);
                present.reading.snapshot = snapshot;
            }
        }

        Ok(present)
    }

    async fn tracked(&self, present: &mut PresentInput, id: &TableId) -> Result<()> {
        let state = self.publisher.store.table(id).await?;
        let Some(state) = state.filter(|state| is_there(&present.input, state)) else {
            let what = present.input.kind().in_words();
            return Err(self.missing(&format!("table `{id}` has no {what} yet")));
        };
        let columns = state.columns.iter();
        present.columns = columns
            .map(|column| ModelColumn {
                name: column.name.clone(),
                data_type: column.data_type.clone(),
            })
            .collect();
        let reading = &mut present.reading;
        reading.remakes = Some(state.remakes);
        match &present.input {
            Input::Log(_) => {
                reading.upto_batch = Some(state.staged_batch);
                reading.version = Some(state.staged_batch.to_string());
            }
            Input::History(_) => {
                reading.upto_batch = Some(state.history_batch);
                reading.version = state.history_snapshot;
            }
            _ if state.marts == Marts::CurrentView => {
                present.is_view = true;
                let name = self.definition.history_name(&id.name);
                if let Some(table) = present.stored.0.last_mut() {
                    *table = name;
                }
                reading.upto_batch = Some(state.history_batch);
                reading.version = state.history_snapshot;
            }
            _ => {
                reading.upto_batch = Some(state.current_batch);
                reading.version = state.current_snapshot;
            }
        }
        present.covered_batch = reading.upto_batch;
        // Tables that were published last by an earlier version of the service.
        if reading.version.is_none() {
            reading.version = self.snapshots.of(self.publisher, &present.stored).await?;
        }

        Ok(())
    }

    fn missing(&self, what: &str) -> Error {
        Error::ModelBroken {
            model: self.model.to_string(),
            detail: format!("{what}; start a run of pipeline `{}`", self.definition.name),
        }
    }
}

fn is_there(input: &Input, state: &TableState) -> bool {
    match input {
        Input::Log(_) => state.staged_batch > 0,
        Input::History(_) => state.history_batch > 0,
        _ => state.current_batch > 0,
    }
}
