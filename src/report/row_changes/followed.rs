//! What can be followed: tables, and incremental models.

use icefront_project::Materialized;

use super::position::{At, Position};
use crate::app::App;
use crate::error::{Error, Result};
use crate::pipeline::{Names, PipelineModel, TableId, TrackedTable};
use crate::sql::TableName;

/// A table or model whose rows can be followed.
#[derive(Debug)]
pub struct Followed {
    pub id: TableId,
    /// What it is called in messages: `table` or `model`.
    pub(super) kind: &'static str,
    pub(super) current: TableName,
    /// The history and the typed log of a table.
    pub(super) log: Option<Log>,
}

#[derive(Debug)]
pub(super) struct Log {
    pub(super) history: TableName,
    pub(super) typed_log: TableName,
}

impl Followed {
    /// A tracked table by its name in the API.
    pub fn table(app: &App, name: &str) -> Result<Self> {
        let TrackedTable { definition, table } = app.pipelines.table(name)?;
        let names = Names::new(definition, &app.config);

        Ok(Self {
            id: table.id.clone(),
            kind: "table",
            current: names.current(&table.id.name),
            log: Some(Log {
                history: names.history(&table.id.name),
                typed_log: names.staging(&table.id.name),
            }),
        })
    }

    /// A model by its name in the API. Only rows of an incremental model have a key by which they can be followed.
    pub fn model(app: &App, name: &str) -> Result<Self> {
        let found = app.pipelines.model(name)?;
        let PipelineModel { model, .. } = found;
        if model.config.materialized != Materialized::Incremental {
            return Err(Error::NotFound {
                kind: "list of row changes of model",
                name: name.to_owned(),
                hint: Some(
                    "only models with `materialized: incremental` and a `unique_key` have one"
                        .into(),
                ),
                field: None,
            });
        }

        Ok(Self {
            id: found.id(),
            kind: "model",
            current: Names::model(model),
            log: None,
        })
    }

    #[must_use]
    pub fn is_model(&self) -> bool {
        self.log.is_none()
    }

    /// The position of a caller who has the rows as they are, or will have none before the first publication.
    pub async fn end(&self, app: &App) -> Result<Position> {
        let newest = app.store.newest_publication(&self.id).await?;

        Ok(Position::behind(newest.as_ref().map(At::from)))
    }

    pub(super) fn gone(&self, why: &str) -> Error {
        Error::ChangesGone {
            kind: self.kind,
            name: self.id.to_string(),
            why: why.to_owned(),
        }
    }
}
