//! How far each layer of a table is: moved in one transaction with the proof of it.

use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{
    Published, Staged, StatementEnd, Store, TableState, Versions, Window, fault, statement,
};
use crate::error::Result;
use crate::pipeline::{Table, TableId};

/// The highest event id and the latest time, as Trino writes it, of events in a log; and how many truncates are among them.
#[derive(Debug, Clone, Default)]
pub struct LogEnd {
    /// The highest event id.
    pub event: Option<i64>,
    pub time: Option<String>,
    /// Truncates; 0 where they were not counted.
    pub truncates: i64,
}

/// What a publication changed.
#[derive(Debug, Clone, Copy)]
pub enum Changed {
    Rows(Published),
    Versions(Versions),
}

impl Changed {
    fn is_nothing(&self) -> bool {
        match self {
            Self::Rows(rows) => *rows == Published::default(),
            Self::Versions(versions) => *versions == Versions::default(),
        }
    }
}

/// How far a table's log was filled, and by what.
#[derive(Debug, Clone, Default)]
pub struct StagedWindow {
    /// The batches that it took.
    pub window: Window,
    /// Where their events ended.
    pub staged: Staged,
    /// The highest event id and the latest time in the log of these batches, where they were looked up because some events
    /// were not taken.
    pub ends: Option<LogEnd>,
    /// Whether `ends` are those of the whole log up to the window's end.
    pub is_whole_log: bool,
    /// The table's rejects, and the first batch that has one, where they were counted.
    pub rejects: Option<RejectsLeft>,
}

/// The rejects of a table that are neither replayed nor dismissed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RejectsLeft {
    pub count: i64,
    /// The first batch that has one.
    pub first_batch: Option<i64>,
}

impl RejectsLeft {
    /// The last batch before the first one with rejects: freshness goes no further.
    fn held_batch(self) -> Option<i64> {
        self.first_batch.map(|first| first - 1)
    }
}

/// Current rows or a history that were brought up to a batch.
#[derive(Debug)]
pub struct Publication {
    pub run: Uuid,
    pub upto_batch: i64,
    /// How large the table is by then; none where nothing was written.
    pub bytes: Option<i64>,
    pub changed: Changed,
    /// The statements that did it.
    pub statements: Vec<EndedStatement>,
}

/// A statement that succeeded.
#[derive(Debug)]
pub struct EndedStatement {
    pub id: i64,
    pub end: StatementEnd,
}

impl Store {
    /// Notes up to which batch a table is staged and, in the same transaction, where its events ended.
    pub async fn table_staged(&self, run: Uuid, table: &Table, upto: &StagedWindow) -> Result<()> {
        let TableId { pipeline, name } = &table.id;
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        let upto_batch = upto.window.upto_batch;
        let rejects = upto.rejects.map(|left| left.count);
        let held = upto.rejects.and_then(RejectsLeft::held_batch);
        transaction
            .execute(
                statement!("state/staged_table.sql"),
                &[&pipeline, &name, &upto_batch, &rejects, &held],
            )
            .await
            .map_err(fault)?;
        if let Some(ends) = &upto.ends {
            ends.note(&transaction, table, upto.window, upto.is_whole_log)
                .await?;
        }
        let Staged {
            read,
            rejected,
            duplicate,
            staged,
        } = &upto.staged;
        if *read > 0 {
            transaction
                .execute(
                    statement!("state/record_staged.sql"),
                    &[
                        &run,
                        &pipeline,
                        &name,
                        &upto_batch,
                        read,
                        rejected,
                        duplicate,
                        staged,
                    ],
                )
                .await
                .map_err(fault)?;
        }

        transaction.commit().await.map_err(fault)
    }

    /// Notes that current rows and history are to be made anew by their next publication, whatever they hold.
    pub async fn unpublish(&self, TableId { pipeline, name }: &TableId) -> Result<()> {
        self.client()
            .await?
            .execute(statement!("state/unpublish_table.sql"), &[&pipeline, &name])
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Notes what a table is made of from now on, and that its log was made anew up to a batch, so that its marts are to be made anew from it.
    pub async fn table_restaged(
        &self,
        table: &Table,
        shape: &TableState,
        upto: &StagedWindow,
    ) -> Result<()> {
        let TableId { pipeline, name } = &table.id;
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        shape.keep(&transaction, &table.id).await?;
        let left = upto.rejects.unwrap_or_default();
        let (rejects, held) = (left.count, left.held_batch());
        let batch = upto.window.upto_batch;
        transaction
            .execute(
                statement!("state/restaged_table.sql"),
                &[&pipeline, &name, &batch, &rejects, &held],
            )
            .await
            .map_err(fault)?;
        if let Some(ends) = &upto.ends {
            let whole = Window {
                after_batch: 0,
                upto_batch: batch,
            };
            ends.note(&transaction, table, whole, true).await?;
        }

        transaction.commit().await.map_err(fault)
    }

    /// Notes how many rejects a table has, and which is the first batch that has one.
    pub async fn rejects_counted(
        &self,
        TableId { pipeline, name }: &TableId,
        left: RejectsLeft,
    ) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/rejects_counted.sql"),
                &[&pipeline, &name, &left.count, &left.held_batch()],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Notes up to which batch current rows or history are published and, in the same transaction, what that changed, the ends
    /// of the statements that did it, and how large the table is by then.
    pub async fn record_publication(
        &self,
        TableId { pipeline, name }: &TableId,
        publication: &Publication,
    ) -> Result<()> {
        let Publication {
            run,
            upto_batch: batch,
            bytes,
            changed,
            statements,
        } = publication;
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        let moved = match changed {
            Changed::Rows(_) => statement!("state/published_current.sql"),
            Changed::Versions(_) => statement!("state/published_history.sql"),
        };
        transaction
            .execute(moved, &[pipeline, name, batch, bytes])
            .await
            .map_err(fault)?;
        for statement in statements {
            statement
                .end
                .record(&transaction, statement.id, "succeeded")
                .await?;
        }
        let (record, counts): (_, Vec<&(dyn ToSql + Sync)>) = match changed {
            Changed::Rows(rows) => (
                statement!("state/record_changes.sql"),
                vec![
                    &rows.inserted,
                    &rows.updated,
                    &rows.deleted,
                    &rows.published,
                    &rows.late,
                    &rows.superseded,
                    &rows.delete_without_row,
                    &rows.unchanged,
                    &rows.truncates,
                    &rows.truncated,
                ],
            ),
            Changed::Versions(versions) => (
                statement!("state/record_versions.sql"),
                vec![
                    &versions.versions_opened,
                    &versions.versions_closed,
                    &versions.versions_split,
                    &versions.versions_changed,
                    &versions.versions_removed,
                ],
            ),
        };
        if !changed.is_nothing() {
            let of_run: [&(dyn ToSql + Sync); 4] = [run, pipeline, name, batch];
            transaction
                .execute(record, &[&of_run[..], &counts[..]].concat())
                .await
                .map_err(fault)?;
        }

        transaction.commit().await.map_err(fault)
    }
}

impl LogEnd {
    /// Notes them as how high the events of the batches are; or those of the whole log up to the last of these.
    async fn note(
        &self,
        transaction: &Transaction<'_>,
        table: &Table,
        window: Window,
        is_whole_log: bool,
    ) -> Result<()> {
        let Window {
            after_batch,
            upto_batch,
        } = &window;
        let Self {
            event,
            time,
            truncates,
        } = self;
        let bound: [&(dyn ToSql + Sync); 7] = [
            &table.id.pipeline,
            &table.source.schema,
            &table.source.name,
            after_batch,
            upto_batch,
            event,
            time,
        ];
        if is_whole_log {
            let whole = [&bound[..], &[truncates]].concat();
            transaction
                .execute(statement!("state/raise_events.sql"), &whole)
                .await
        } else {
            transaction
                .execute(statement!("state/bound_events.sql"), &bound)
                .await
        }
        .map_err(fault)?;

        Ok(())
    }
}
