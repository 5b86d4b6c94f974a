//! Row changes: how the rows of a table or model differ between two publications. A caller who applies them to a copy has the rows
//! of the later one.
//!
//! Both publications are Iceberg snapshots. For a table only keys with events in the batches between them can differ, as long as
//! nothing was remade since.

mod position;
mod step;

use std::time::{Duration, Instant};

use icefront_project::Materialized;

use self::position::At;
use self::step::{Read, Step};
use super::rows::Rows;
use crate::app::App;
use crate::error::{Error, Result};
use crate::pipeline::{Column, Names, PipelineModel, TableId, TrackedTable};
use crate::sql::TableName;
use crate::state::{KeptPublication, PublishedColumn};

pub use self::position::Position;

/// A page takes no further publication after this time.
const LONGEST_READ: Duration = Duration::from_secs(5);

/// Where to begin, and how much to read.
#[derive(Debug)]
pub struct ChangesQuery {
    pub position: Position,
    /// Whether rows are compared with the newest publication in one step. Otherwise each publication is a step.
    pub is_net: bool,
    /// The most rows.
    pub limit: usize,
}

/// Changed rows in order.
#[derive(Debug)]
pub struct RowChanges {
    pub rows: Rows,
    /// How far the caller has read when it has these.
    pub position: Position,
    /// Whether there are more by now.
    pub has_more: bool,
}

/// A table or model whose rows can be followed.
#[derive(Debug)]
pub struct Followed {
    pub id: TableId,
    /// What it is called in messages: `table` or `model`.
    kind: &'static str,
    current: TableName,
    /// The history and the typed log of a table.
    log: Option<Log>,
}

#[derive(Debug)]
struct Log {
    history: TableName,
    typed_log: TableName,
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

    /// Finds the changed rows behind a position.
    ///
    /// # Errors
    ///
    /// [`Error::ChangesGone`] if they can no longer be found, so that the caller has to read all rows again.
    pub async fn changes(&self, app: &App, query: ChangesQuery) -> Result<RowChanges> {
        let ChangesQuery {
            mut position,
            is_net,
            limit,
        } = query;
        let began = Instant::now();
        let mut rows = Rows::new();
        let Some(newest) = app.store.newest_publication(&self.id).await? else {
            if position != Position::default() {
                return Err(self.gone("nothing of it is published any more"));
            }
            return Ok(RowChanges {
                rows,
                position,
                has_more: false,
            });
        };
        loop {
            let Some(mut step) = self.step(app, &position, &newest, is_net).await? else {
                break;
            };
            let later = At::from(&step.later);
            let left = limit - rows.len();
            let Read {
                rows: mut found,
                keys,
            } = step.read(app, position.last_row.as_ref(), left + 1).await?;
            if found.len() > left {
                found.truncate(left);
                rows.append(&mut found);
                let last = keys.into_iter().nth(left - 1);
                position.reads = Some(later);
                position.last_row = last.or(position.last_row);
                break;
            }
            rows.append(&mut found);
            position = Position::behind(Some(later));
            if rows.len() == limit || began.elapsed() > LONGEST_READ {
                break;
            }
        }
        let has_more = position.reads.is_some() || position.publication() < Some(newest.id);

        Ok(RowChanges {
            rows,
            position,
            has_more,
        })
    }

    /// The step that a caller is in, or the next one; `None` if it has every row of the newest publication.
    async fn step(
        &self,
        app: &App,
        position: &Position,
        newest: &KeptPublication,
        is_net: bool,
    ) -> Result<Option<Step<'_>>> {
        let known = async |At { id, snapshot }: &At| {
            let found = app.store.publication(&self.id, *id).await?;
            found
                .filter(|found| found.snapshot == *snapshot)
                .ok_or_else(|| self.gone("its publications are not known any more"))
        };
        let earlier = match &position.has {
            Some(at) => Some(known(at).await?),
            None => None,
        };
        let has_newest = earlier
            .as_ref()
            .is_some_and(|earlier| earlier.id >= newest.id);
        if position.reads.is_none() && has_newest {
            return Ok(None);
        }
        let later = match (&position.reads, &earlier) {
            (Some(at), _) => known(at).await?,
            (None, Some(earlier)) if !is_net => {
                let next = app.store.next_publication(&self.id, earlier.id).await?;
                next.ok_or_else(|| self.gone("its publications are not known any more"))?
            }
            (None, _) => newest.clone(),
        };
        if later.of_history != newest.of_history {
            return Err(self.gone("its marts are chosen anew"));
        }
        if let Some(earlier) = &earlier
            && !(earlier.id < later.id && has_same_rows(earlier, &later))
        {
            return Err(self.gone("its columns or its key are not those of the cursor"));
        }

        Ok(Some(Step {
            followed: self,
            earlier,
            later,
        }))
    }

    fn gone(&self, why: &str) -> Error {
        Error::ChangesGone {
            kind: self.kind,
            name: self.id.to_string(),
            why: why.to_owned(),
        }
    }
}

/// Whether rows of the earlier publication can be compared with those of the later: by the same key, and without a column that went
/// or took another type.
fn has_same_rows(earlier: &KeptPublication, later: &KeptPublication) -> bool {
    let key = |of: &KeptPublication| -> Vec<String> {
        let columns = of.columns.iter().filter(|column| column.is_key);
        columns.map(|column| column.name.clone()).collect()
    };
    let is_kept = |column: &PublishedColumn| {
        let found = later.columns.iter().find(|other| other.name == column.name);
        found.is_some_and(|found| {
            let of = |column: &PublishedColumn| Column::of_type(&column.name, &column.data_type);
            found.data_type == column.data_type || of(column).widens_to(&of(found))
        })
    };

    earlier.of_history == later.of_history
        && key(earlier) == key(later)
        && earlier.columns.iter().all(is_kept)
}
