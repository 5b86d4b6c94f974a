//! The changed rows of an input since an earlier refresh, as queries: the rows that went, and those that came.

use icefront_scopes::{Column, Images};
use serde::Serialize;

use super::inputs::Input;
use super::reading::PresentInput;
use crate::error::{Error, Result};
use crate::pipeline::{Names, TableId};
use crate::publish::Publisher;
use crate::sql::{TableName, render};
use crate::state::InputReading;

/// One input that changed between two readings.
pub(super) struct ChangedInput<'a> {
    pub(super) names: &'a Names<'a>,
    pub(super) present: &'a PresentInput,
    /// Its columns in Trino.
    pub(super) columns: &'a [Column],
    pub(super) before: &'a InputReading,
    pub(super) publisher: Publisher<'a>,
}

/// The context of `models/table_at.sql`.
#[derive(Serialize)]
struct TableAtContext<'a> {
    stored: &'a TableName,
    is_view: bool,
    columns: &'a [crate::state::ModelColumn],
    snapshot: Option<i64>,
    /// The last batch of a typed log that counts.
    upto_batch: Option<i64>,
}

/// A column by its name, as templates list it.
#[derive(Serialize)]
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
}

/// The context of `models/changed_rows.sql` and `models/no_rows.sql`.
#[derive(Serialize)]
struct RowsContext<'a> {
    columns: &'a [Named<'a>],
    at: &'a str,
    other: &'a str,
    touched: Option<&'a Touched>,
    is_compared: bool,
}

/// The keys with an event in some batches.
#[derive(Serialize)]
struct Touched {
    log: TableName,
    key_columns: Vec<KeyColumn>,
    after_batch: i64,
    upto_batch: i64,
}

#[derive(Serialize)]
struct KeyColumn {
    name: String,
}

/// The context of `models/new_events.sql`.
#[derive(Serialize)]
struct NewEventsContext<'a> {
    columns: &'a [Named<'a>],
    at: &'a str,
    after_batch: i64,
    upto_batch: i64,
}

/// The context of `models/recorded_changes.sql`.
#[derive(Serialize)]
struct RecordedContext<'a> {
    columns: &'a [Named<'a>],
    changes: TableName,
    came: bool,
}

/// A table at a snapshot, as it stands in FROM.
pub(super) fn table_at(present: &PresentInput, at: &InputReading) -> Result<String> {
    // Nobody else writes to a table of the pipeline, so that it is still at this snapshot.
    let is_still = present.is_latest && present.input != Input::Declared;
    let snapshot = at
        .snapshot
        .as_ref()
        .filter(|_| !is_still)
        .map(|id| {
            id.parse()
                .map_err(|_| Error::internal(format!("`{id}` is no id of a snapshot")))
        })
        .transpose()?;

    render(
        "models/table_at.sql",
        TableAtContext {
            stored: &present.stored,
            is_view: present.is_view,
            columns: &present.columns,
            snapshot,
            upto_batch: at
                .upto_batch
                .filter(|_| matches!(present.input, Input::Log(_))),
        },
    )
}

/// A table as an earlier refresh read it, as it stands in FROM. It had no rows if it had no snapshot and has one now.
pub(super) fn table_before(
    present: &PresentInput,
    before: &InputReading,
    columns: &[Column],
) -> Result<String> {
    if before.snapshot.is_some() || present.reading.snapshot.is_none() {
        return table_at(present, before);
    }
    let at = table_at(present, &present.reading)?;
    let none = RowsContext {
        columns: &named(columns),
        at: &at,
        other: &at,
        touched: None,
        is_compared: false,
    };

    Ok(format!("({})", render("models/no_rows.sql", none)?))
}

pub(super) fn named(columns: &[Column]) -> Vec<Named<'_>> {
    columns
        .iter()
        .map(|column| Named { name: &column.name })
        .collect()
}

impl ChangedInput<'_> {
    /// The changed rows; `Err` with the reason if they cannot be found.
    pub(super) async fn images(&self) -> Result<Result<Images, String>> {
        let now = &self.present.reading;
        if now.snapshot.is_none() && self.before.snapshot.is_none() {
            return Ok(Err(format!("`{}` has no snapshots", self.present.stored)));
        }
        if self.before.snapshot.is_none() && self.present.input == Input::Declared {
            return Ok(Err(format!("`{}` had no snapshots", self.present.stored)));
        }
        match &self.present.input {
            Input::Log(_) if self.is_of_batches() => self.new_events().map(Ok),
            Input::Model(id) if self.has_recorded_changes(id).await? => self.recorded().map(Ok),
            Input::Current(id) | Input::History(id) if self.is_of_batches() => {
                let touched = self.touched(id).await?;
                self.compared(touched.as_ref()).map(Ok)
            }
            _ => self.compared(None).map(Ok),
        }
    }

    /// Whether only keys of new batches can have changed.
    fn is_of_batches(&self) -> bool {
        let now = &self.present.reading;

        now.remakes.is_some()
            && now.remakes == self.before.remakes
            && self.before.upto_batch <= now.upto_batch
    }

    async fn has_recorded_changes(&self, id: &TableId) -> Result<bool> {
        let state = self.publisher.store.model(id).await?;

        Ok(state.changes_since.is_some() && state.changes_since == self.before.snapshot)
    }

    async fn touched(&self, id: &TableId) -> Result<Option<Touched>> {
        let state = self.publisher.store.table(id).await?;
        let now = &self.present.reading;
        let (Some(state), Some(after_batch), Some(upto_batch)) =
            (state, self.before.upto_batch, now.upto_batch)
        else {
            return Ok(None);
        };
        let keys = state.columns.into_iter().filter(|column| column.is_key);

        Ok(Some(Touched {
            log: self.names.staging(&id.name),
            key_columns: keys.map(|column| KeyColumn { name: column.name }).collect(),
            after_batch,
            upto_batch,
        }))
    }

    /// Compares the two snapshots; only the rows of touched keys if these are known.
    fn compared(&self, touched: Option<&Touched>) -> Result<Images> {
        let now = table_at(self.present, &self.present.reading)?;
        let columns = named(self.columns);
        // A version of a touched key is rarely another one. A current row nearly always is, and a row too many only costs time.
        let is_compared = touched.is_none() || matches!(self.present.input, Input::History(_));
        let rows = |at: &str, other: &str| {
            let context = RowsContext {
                columns: &columns,
                at,
                other,
                touched,
                is_compared,
            };
            render("models/changed_rows.sql", context)
        };
        if self.before.snapshot.is_none() {
            let context = RowsContext {
                columns: &columns,
                at: &now,
                other: &now,
                touched: None,
                is_compared: false,
            };
            return Ok(Images {
                went: render("models/no_rows.sql", &context)?,
                came: render("models/changed_rows.sql", &context)?,
            });
        }
        let before = table_at(self.present, self.before)?;

        Ok(Images {
            went: rows(&before, &now)?,
            came: rows(&now, &before)?,
        })
    }

    fn new_events(&self) -> Result<Images> {
        let now = &self.present.reading;
        let at = table_at(self.present, now)?;
        let columns = named(self.columns);
        let none = RowsContext {
            columns: &columns,
            at: &at,
            other: &at,
            touched: None,
            is_compared: false,
        };
        let new = NewEventsContext {
            columns: &columns,
            at: &at,
            after_batch: self.before.upto_batch.unwrap_or_default(),
            upto_batch: now.upto_batch.unwrap_or_default(),
        };

        Ok(Images {
            went: render("models/no_rows.sql", none)?,
            came: render("models/new_events.sql", new)?,
        })
    }

    fn recorded(&self) -> Result<Images> {
        let columns = named(self.columns);
        let rows = |came| {
            let context = RecordedContext {
                columns: &columns,
                changes: Names::changes(&self.present.stored),
                came,
            };
            render("models/recorded_changes.sql", context)
        };

        Ok(Images {
            went: rows(false)?,
            came: rows(true)?,
        })
    }
}
