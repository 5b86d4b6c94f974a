//! One step: the rows that differ between two publications, read by one statement.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::followed::Followed;
use super::position::LastRow;
use crate::app::App;
use crate::error::{Error, Result};
use crate::report::room::{Cut, Room, Taken};
use crate::report::rows::{Rows, named};
use crate::sql::{Answer, TableName, render};
use crate::state::{KeptPublication, PublishedColumn};
use crate::time;

/// The members of a row beside its columns.
const RESERVED: [&str; 4] = ["_change_type", "_batch_id", "_refresh_id", "_changed_at"];

/// The way from one publication to another.
pub(super) struct Step<'a> {
    pub(super) followed: &'a Followed,
    pub(super) earlier: Option<KeptPublication>,
    pub(super) later: KeptPublication,
}

/// The context of `report/row_changes.sql`.
#[derive(Serialize)]
struct ChangesContext<'a> {
    table: &'a TableName,
    columns: &'a [PublishedColumn],
    key_columns: &'a [&'a PublishedColumn],
    /// `None`: there was no row.
    earlier: Option<Side<'a>>,
    later: Side<'a>,
    touched: Option<Touched<'a>>,
    /// The key of the last row of the page before.
    after: Option<Vec<KeyPart<'a>>>,
    is_within: bool,
    limit: usize,
}

/// A publication.
#[derive(Serialize)]
struct Side<'a> {
    snapshot: i64,
    of_open_versions: bool,
    columns: Vec<SideColumn<'a>>,
}

/// A column of the later publication, as another one has it.
#[derive(Serialize)]
struct SideColumn<'a> {
    name: &'a str,
    data_type: &'a str,
    is_missing: bool,
    is_narrower: bool,
}

/// The keys with an event in some batches.
#[derive(Clone, Copy, Serialize)]
struct Touched<'a> {
    log: &'a TableName,
    after_batch: i64,
    upto_batch: i64,
}

#[derive(Serialize)]
struct KeyPart<'a> {
    name: &'a str,
    data_type: &'a str,
    value: Option<&'a str>,
}

/// The context of `report/snapshots_kept.sql` and `report/rewritten.sql`.
#[derive(Serialize)]
struct KeptContext {
    snapshots: TableName,
    wanted: Vec<i64>,
}

/// A row of `report/snapshots_kept.sql` and `report/rewritten.sql`.
#[derive(Deserialize)]
struct KeptRow {
    snapshot: String,
}

/// Rows of a step that a page takes.
pub(super) struct Read {
    pub(super) rows: Rows,
    pub(super) taken: Taken,
    /// The last of them, if the step has more.
    pub(super) goes_on_behind: Option<LastRow>,
}

impl Step<'_> {
    /// Reads rows behind the last one of the page before: as many as there is room for, and one at least.
    pub(super) async fn read(
        &mut self,
        app: &App,
        after: Option<&LastRow>,
        room: Room,
    ) -> Result<Read> {
        let columns = &self.later.columns;
        if !columns.iter().any(|column| column.is_key) {
            return Err(self
                .followed
                .gone("it had no key when it was published last"));
        }
        if let Some(reserved) = columns
            .iter()
            .find(|column| RESERVED.contains(&column.name.as_str()))
        {
            return Err(Error::NotFound {
                kind: "list of row changes of",
                name: self.followed.id.to_string(),
                hint: Some(format!(
                    "its column `{}` has a name that the changes need; rename it",
                    reserved.name
                )),
                field: None,
            });
        }
        let answer = match self.found(app, after, room).await {
            Err(refusal @ Error::Trino(_)) => {
                if !self.renew(app).await? {
                    return Err(refusal);
                }
                self.found(app, after, room).await?
            }
            answer => answer?,
        };

        Ok(self.read_from(answer, room))
    }

    async fn found(&self, app: &App, after: Option<&LastRow>, room: Room) -> Result<Answer> {
        let touched = self.touched(app).await?;
        let answer = self.answer(app, touched.as_ref(), after, room).await?;
        // A restage may have begun after the question.
        if touched.is_some() && self.touched(app).await?.is_none() {
            return self.answer(app, None, after, room).await;
        }

        Ok(answer)
    }

    /// Replaces snapshots that have expired by others with the same rows. Says whether there was one.
    async fn renew(&mut self, app: &App) -> Result<bool> {
        let both = self.earlier.iter().chain([&self.later]);
        let wanted: BTreeSet<i64> = both.map(snapshot).collect::<Result<_>>()?;
        let context = KeptContext {
            snapshots: self.table().metadata("snapshots"),
            wanted: wanted.into_iter().collect(),
        };
        let statement = "report/snapshots_kept.sql";
        let kept: Vec<KeptRow> = match app.trino.rows("icefront/api", statement, context).await {
            // The table is gone.
            Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => Vec::new(),
            kept => kept?,
        };
        let is_kept = |of: &KeptPublication| kept.iter().any(|kept| kept.snapshot == of.snapshot);
        let mut has_expired = false;
        if let Some(earlier) = self.earlier.clone().filter(|earlier| !is_kept(earlier)) {
            let snapshot = self.same_rows(app, &earlier).await?;
            self.earlier = Some(KeptPublication {
                snapshot,
                ..earlier
            });
            has_expired = true;
        }
        if !is_kept(&self.later) {
            self.later.snapshot = self.same_rows(app, &self.later).await?;
            has_expired = true;
        }

        Ok(has_expired)
    }

    /// A kept snapshot with the rows of a publication whose own snapshot has expired: the one that the next publication changed. If
    /// there is none, it is the newest one, where all that is left only wrote the same rows to other files.
    async fn same_rows(&self, app: &App, of: &KeptPublication) -> Result<String> {
        let next = app.store.next_publication(&self.followed.id, of.id).await?;
        let has_next = next.is_some();
        let before = next.and_then(|next| next.snapshot_before);
        let statement = if has_next {
            "report/snapshots_kept.sql"
        } else {
            "report/rewritten.sql"
        };
        let wanted = before.and_then(|before| before.parse().ok());
        let context = KeptContext {
            snapshots: self.table().metadata("snapshots"),
            wanted: wanted.into_iter().collect(),
        };
        let gone = || {
            self.followed.gone(
                "Iceberg snapshots of it have expired, or the table was dropped and made again",
            )
        };
        if has_next && context.wanted.is_empty() {
            return Err(gone());
        }
        let found: Vec<KeptRow> = match app.trino.rows("icefront/api", statement, context).await {
            Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => Vec::new(),
            found => found?,
        };

        found
            .into_iter()
            .next()
            .map(|row| row.snapshot)
            .ok_or_else(gone)
    }

    async fn answer(
        &self,
        app: &App,
        touched: Option<&Touched<'_>>,
        after: Option<&LastRow>,
        room: Room,
    ) -> Result<Answer> {
        // One more than there is room for tells that the step goes on.
        let context = self.context(touched, after, room.rows + 1)?;
        let sql = render("report/row_changes.sql", context)?;
        let found = app.trino.read_some("icefront/api", &sql, room.bytes).await;
        match found {
            Err(error) if self.earlier.is_some() && error.is_out_of_memory() => {
                Err(self.followed.gone(
                    "it was remade, and all its rows are too many to be compared by one statement of Trino",
                ))
            }
            // The key comes from the cursor.
            Err(Error::Trino(failure))
                if after.is_some() && failure.name == "INVALID_CAST_ARGUMENT" =>
            {
                Err(self
                    .followed
                    .gone("its columns or its key are not those of the cursor"))
            }
            answer => answer,
        }
    }

    /// The keys that can differ; `None` if it may be any.
    async fn touched(&self, app: &App) -> Result<Option<Touched<'_>>> {
        let (Some(earlier), Some(log)) = (&self.earlier, &self.followed.log) else {
            return Ok(None);
        };
        let id = &self.followed.id;
        let (Some(after_batch), Some(upto_batch)) = (earlier.batch_id, self.later.batch_id) else {
            return Ok(None);
        };
        let is_known = app.store.changed_by_batches(id, earlier.id).await?;

        Ok(is_known.then_some(Touched {
            log: &log.typed_log,
            after_batch,
            upto_batch,
        }))
    }

    fn context<'a>(
        &'a self,
        touched: Option<&'a Touched<'a>>,
        after: Option<&'a LastRow>,
        limit: usize,
    ) -> Result<Value> {
        let columns = &self.later.columns;
        let key_columns: Vec<&PublishedColumn> =
            columns.iter().filter(|column| column.is_key).collect();
        if after.is_some_and(|after| after.key.len() != key_columns.len()) {
            return Err(self
                .followed
                .gone("its columns or its key are not those of the cursor"));
        }
        let parts = |after: &'a LastRow| {
            let pairs = key_columns.iter().zip(&after.key);
            pairs
                .map(|(column, value)| KeyPart {
                    name: &column.name,
                    data_type: &column.data_type,
                    value: value.as_deref(),
                })
                .collect()
        };
        let earlier = self.earlier.as_ref();
        let context = ChangesContext {
            table: self.table(),
            columns,
            key_columns: &key_columns,
            earlier: earlier.map(|earlier| self.side(earlier)).transpose()?,
            later: self.side(&self.later)?,
            touched: touched.copied(),
            after: after.map(parts),
            is_within: after.is_some_and(|after| after.is_within),
            limit,
        };

        serde_json::to_value(context).map_err(Error::internal)
    }

    /// The Iceberg table of both publications.
    fn table(&self) -> &TableName {
        match &self.followed.log {
            Some(log) if self.later.of_history => &log.history,
            _ => &self.followed.current,
        }
    }

    fn side<'a>(&'a self, publication: &'a KeptPublication) -> Result<Side<'a>> {
        let columns = self.later.columns.iter().map(|column| {
            let own = publication
                .columns
                .iter()
                .find(|own| own.name == column.name);
            SideColumn {
                name: &column.name,
                data_type: &column.data_type,
                is_missing: own.is_none(),
                is_narrower: own.is_some_and(|own| own.data_type != column.data_type),
            }
        });

        Ok(Side {
            snapshot: snapshot(publication)?,
            of_open_versions: publication.of_history,
            columns: columns.collect(),
        })
    }

    fn read_from(&self, mut answer: Answer, room: Room) -> Read {
        let Cut { taken, has_more } = room.cut(&mut answer);
        let last = answer.rows.last().filter(|_| has_more);

        Read {
            taken,
            goes_on_behind: last.map(|row| self.last_row(&answer, row)),
            rows: self.told(answer),
        }
    }

    fn last_row(&self, answer: &Answer, row: &[Value]) -> LastRow {
        let value = |name: &str| {
            let place = answer.columns.iter().position(|column| column.name == name);
            place.and_then(|place| row.get(place))
        };
        let keys = self.later.columns.iter().filter(|column| column.is_key);

        LastRow {
            key: keys.map(|key| value(&key.name).and_then(text)).collect(),
            is_within: value("_change_type").is_some_and(|kind| kind == "update_preimage"),
        }
    }

    /// The rows as a caller sees them.
    fn told(&self, answer: Answer) -> Rows {
        let changed_at = time::text(self.later.published_at);
        let mut rows = named(answer);
        for row in &mut rows {
            let id = |id: Option<i64>| json!(id.map(|id| id.to_string()));
            if self.followed.is_model() {
                row.insert("_refresh_id".into(), id(self.later.refresh_id));
            } else {
                row.insert("_batch_id".into(), id(self.later.batch_id));
            }
            row.insert("_changed_at".into(), json!(changed_at));
        }

        rows
    }
}

fn snapshot(publication: &KeptPublication) -> Result<i64> {
    let id = &publication.snapshot;

    id.parse()
        .map_err(|_| Error::internal(format!("`{id}` is no id of a snapshot")))
}

/// A value as the text that can be cast to it.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
