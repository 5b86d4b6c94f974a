//! One table whose rows tell when they were changed: which of them a reading takes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Purpose;
use super::catalogue::PolledCatalogue;
use super::full_load::FullLoad;
use super::session::{Session, Snapshot};
use crate::error::Result;
use crate::pipeline::{CompareKeys, SourceTable, Table};
use crate::sql::render;

/// A table that was found in the source.
pub(super) struct PolledTable<'a> {
    /// Its name in the pipeline.
    pub(super) name: &'a str,
    pub(super) table: &'a Table,
    /// The column that rises with every change of a row.
    pub(super) cursor: &'a str,
    pub(super) catalogue: PolledCatalogue,
}

/// How far one table has been read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TablePosition {
    pub(super) oid: u32,
    /// Rows whose cursor is below it have been read, whatever commits from now on; as the cursor column's text.
    pub(super) upto: Option<String>,
    /// The last read's `pg_snapshot`, as text.
    pub(super) snapshot: String,
    /// Whether that was a standby's, which knows of no transaction that was open.
    #[serde(default)]
    pub(super) in_recovery: bool,
    /// When all keys were compared.
    #[serde(default)]
    pub(super) compared_at: Option<Timestamp>,
    /// The full load that is under way; `upto` and `snapshot` are those of its first range.
    #[serde(default)]
    pub(super) load: Option<FullLoad>,
    /// So many of the next readings compare all keys, whatever the definition says.
    #[serde(default)]
    pub(super) comparisons: u8,
    /// The condition that rows were read by, which is empty where there was none; not known of positions of before it was kept.
    #[serde(default)]
    pub(super) filter: Option<String>,
}

/// Which rows of a table a reading takes.
pub(super) enum Share<'a> {
    /// Those of a range of keys.
    Range {
        after: Option<&'a [String]>,
        upto: Option<&'a [String]>,
    },
    /// Those that changed since a position.
    Changes(&'a TablePosition),
}

impl PolledTable<'_> {
    /// The columns of the key as the source names them.
    pub(super) fn key_fields(&self) -> Vec<String> {
        let mut fields = self.table.key_fields();
        for field in &mut fields {
            if !self.catalogue.columns.contains_key(field) {
                let lower = field.to_lowercase();
                let known = self.catalogue.columns.keys();
                if let Some(name) = known.into_iter().find(|name| name.to_lowercase() == lower) {
                    field.clone_from(name);
                }
            }
        }

        fields
    }

    /// The columns by which ranges follow each other, each with its type; none where there are no ranges.
    fn range_key(&self) -> Option<Vec<String>> {
        let columns = self.catalogue.range_key.as_ref()?.iter();
        let kind = |column: &String| self.catalogue.columns.get(column).cloned();

        Some(
            columns
                .map(|column| format!("{column} {}", kind(column).unwrap_or_default()))
                .collect(),
        )
    }

    /// The condition of the definition; empty where there is none.
    fn filter(&self) -> &str {
        self.table.filter.as_deref().unwrap_or_default()
    }

    /// Where the cursor stands as far as it says anything of the rows that are read now: by another condition all rows are read again.
    pub(super) fn since(&self, before: Option<&TablePosition>) -> Option<TablePosition> {
        let mut before = before?.clone();
        if before
            .filter
            .as_deref()
            .is_some_and(|filter| filter != self.filter())
        {
            before.load = Some(FullLoad {
                is_again: true,
                ..FullLoad::default()
            });
        }

        Some(before)
    }

    /// Whether all keys are compared by a reading; the first has nothing to compare them with.
    pub(super) fn is_compared(
        &self,
        before: Option<&TablePosition>,
        (now, purpose): (Timestamp, Purpose),
    ) -> bool {
        let Some(before) = before.filter(|before| before.load.is_none()) else {
            return false;
        };
        if before.comparisons > 0 {
            return true;
        }
        match self.table.deletes.compare_keys {
            CompareKeys::Off => false,
            // That alone is no reason for a run.
            CompareKeys::EachRun => purpose == Purpose::Read,
            CompareKeys::Every(time) => before
                .compared_at
                .is_none_or(|last| now.duration_since(last).unsigned_abs() >= time),
        }
    }

    /// Table, cursor and condition, as statements name them.
    pub(super) fn names(&self) -> Value {
        let SourceTable {
            schema,
            name: table,
        } = &self.table.source;

        json!({"table": [schema, table], "cursor": self.cursor, "filter": self.table.filter})
    }

    /// What statements that read a share of the rows may name.
    pub(super) fn query(&self, share: &Share<'_>, snapshot: &Snapshot) -> Value {
        let SourceTable {
            schema,
            name: table,
        } = &self.table.source;
        let mut query = self.names();
        query["schema"] = schema.as_str().into();
        query["name"] = table.as_str().into();
        query["is_time"] = self.is_time().into();
        query["has_zone"] = (self.catalogue.columns.get(self.cursor).map(String::as_str)
            == Some("timestamp with time zone"))
        .into();
        query["key"] = json!(self.key_fields());
        query["is_unique"] = self.catalogue.is_unique.into();
        query["highest"] = snapshot.highest.into();
        query["epoch"] = (snapshot.highest & !0xffff_ffff).into();
        let (bounds, since) = match share {
            Share::Range { after, upto } => (
                json!({"columns": self.catalogue.range_key, "after": after, "upto": upto}),
                None,
            ),
            Share::Changes(since) => (Value::Null, Some(since)),
        };
        query["bounds"] = bounds;
        // What a standby held for settled may commit later: after it, transactions alone tell.
        let settled = since.filter(|since| snapshot.in_recovery || !since.in_recovery);
        query["after"] = json!(settled.map(|since| &since.upto));
        query["snapshot"] = json!(since.map(|since| &since.snapshot));

        query
    }

    /// Which rows are read next, and where the cursor stands after them.
    pub(super) async fn next(
        &self,
        (session, purpose): (&Session<'_>, Purpose),
        before: Option<&TablePosition>,
        snapshot: &Snapshot,
    ) -> Result<(TablePosition, Value)> {
        let key = self.range_key();
        let load = before.map_or_else(|| Some(FullLoad::default()), |before| before.load.clone());
        let load = load.map(|load| load.by(key.as_deref()));
        let goes_on = load.as_ref().is_some_and(|load| load.after.is_some());
        // What changes while a load goes on is read after it, from the bounds of its first range on, and so are keys compared.
        let (upto, since, in_recovery, compared_at) = match before.filter(|_| goes_on) {
            Some(first) => (
                first.upto.clone(),
                first.snapshot.clone(),
                first.in_recovery,
                None,
            ),
            None => (
                self.upto(session, before).await?,
                snapshot.text.clone(),
                snapshot.in_recovery,
                Some(snapshot.taken_at),
            ),
        };
        let mut position = TablePosition {
            oid: self.catalogue.oid,
            upto,
            snapshot: since,
            in_recovery,
            compared_at,
            load: None,
            comparisons: before.map_or(0, |before| before.comparisons.saturating_sub(1)),
            filter: Some(self.filter().to_owned()),
        };
        if let (None, Some(before)) = (&load, before) {
            if !self.is_compared(Some(before), (snapshot.taken_at, purpose)) {
                position.compared_at = before.compared_at;
            }
            return Ok((position, self.query(&Share::Changes(before), snapshot)));
        }
        let load = load.unwrap_or_default();
        // Who only looks sees all that is left as one range.
        let end = match purpose {
            Purpose::Look => None,
            Purpose::Read => self.range_end(session, &load).await?,
        };
        let share = Share::Range {
            after: load.after.as_deref(),
            upto: end.as_deref(),
        };
        let query = self.query(&share, snapshot);
        // What is read again brings no word of what went before.
        position.comparisons = u8::from(load.is_again && end.is_none());
        position.load = end.map(|after| FullLoad {
            columns: key,
            after: Some(after),
            ..load
        });

        Ok((position, query))
    }

    /// The cursor value below which every row has been read once this reading has landed.
    ///
    /// A time is the begin of the oldest open transaction, less the overlap: a row that commits later carries a later one. A
    /// number is the highest that there is: what commits late is found by its transaction.
    async fn upto(
        &self,
        session: &Session<'_>,
        before: Option<&TablePosition>,
    ) -> Result<Option<String>> {
        if self.is_time() {
            let server = &session.server;
            // A prepared transaction does not tell when it began; so nothing moves while there is one. Where nothing was read before,
            // the transactions that wrote the rows tell alone.
            if server.prepared.is_some() {
                return Ok(before.and_then(|before| before.upto.clone()));
            }
            let upto = server.settled_until() - self.table.overlap - self.slack();
            return Ok(Some(upto.to_string()));
        }
        let sql = render("source/highest.sql", self.names())?;
        let row = session
            .client
            .query_one(&sql, &[])
            .await
            .map_err(|cause| session.refused(cause))?;

        Ok(row.get(0))
    }
}
