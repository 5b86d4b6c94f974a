//! Row changes: how the rows of a table or model differ between two publications. A caller who applies them to a copy has the rows
//! of the later one.
//!
//! Both publications are Iceberg snapshots. For a table only keys with events in the batches between them can differ, as long as
//! nothing was remade since.

mod followed;
mod position;
mod step;

use std::time::{Duration, Instant};

use self::position::At;
use self::step::Step;
use super::room::Room;
use super::rows::Rows;
use crate::app::App;
use crate::error::Result;
use crate::pipeline::Column;
use crate::state::{KeptPublication, PublishedColumn};

pub use self::followed::Followed;
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

impl Followed {
    /// Finds the changed rows behind a position.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::ChangesGone`] if they can no longer be found, so that the caller has to read all rows again.
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
        let mut room = Room::of(limit);
        loop {
            let Some(mut step) = self.step(app, &position, &newest, is_net).await? else {
                break;
            };
            let later = At::from(&step.later);
            let last_row = position.last_row.as_ref();
            let mut read = step.read(app, last_row, room).await?;
            room = room.without(read.taken);
            rows.append(&mut read.rows);
            if read.goes_on_behind.is_some() {
                position.reads = Some(later);
                position.last_row = read.goes_on_behind;
                break;
            }
            position = Position::behind(Some(later));
            if room.is_full() || began.elapsed() > LONGEST_READ {
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
