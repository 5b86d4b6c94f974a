//! How far each layer of a table is: moved in one transaction with the proof of it.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::queries::{Queries, Transaction};
use super::sql::sql;
use super::{
    Published, Staged, StatementEnd, StatementOutcome, Store, TableState, Versions, Window,
};
use crate::error::Result;
use crate::pipeline::{Table, TableId};

/// The end of a typed log, or of the part that a window filled.
#[derive(Debug, Clone, Default)]
pub struct LogEnd {
    /// The highest event id.
    pub event: Option<i64>,
    /// The latest time, as Trino writes it.
    pub time: Option<String>,
    /// Truncates; 0 if they were not counted.
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

/// A window that was added to a table's typed log.
#[derive(Debug, Clone, Default)]
pub struct StagedWindow {
    pub window: Window,
    /// The outcomes of its events.
    pub staged: Staged,
    /// Where the typed log ends. It is looked up if events were rejected, because the batches' own ends are then too
    /// high.
    pub ends: Option<LogEnd>,
    /// Whether `ends` is the end of the whole typed log up to the window's end, not only of the window's part of it.
    pub is_whole_log: bool,
    /// The table's rejects after it, if they were counted.
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
    /// The last batch before the first one with rejects ([`TableState::clean_batch`]).
    fn clean_batch(self) -> Option<i64> {
        self.first_batch.map(|first| first - 1)
    }
}

/// Current rows or a history that were brought up to a batch.
#[derive(Debug)]
pub struct Publication {
    pub run: Uuid,
    pub upto_batch: i64,
    /// The table's size after it; `None` if nothing was written.
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
    /// Notes up to which batch a table is staged and, in the same transaction, where the events ended.
    pub async fn record_staging(
        &self,
        run: Uuid,
        table: &Table,
        upto: &StagedWindow,
    ) -> Result<()> {
        let TableId { pipeline, name } = &table.id;
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        let upto_batch = upto.window.upto_batch;
        let rejects = upto.rejects.map(|left| left.count);
        let clean_batch = upto.rejects.and_then(RejectsLeft::clean_batch);
        transaction
            .execute(
                sql!(table_progress::record_staging),
                &[&pipeline, &name, &upto_batch, &rejects, &clean_batch],
            )
            .await?;
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
                    sql!(table_progress::record_staged_counts),
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
                .await?;
        }

        transaction.commit().await
    }

    /// Makes the next publication remake current rows and history, whatever they hold.
    pub async fn unpublish(&self, TableId { pipeline, name }: &TableId) -> Result<()> {
        self.execute(sql!(table_progress::unpublish_table), &[&pipeline, &name])
            .await?;

        Ok(())
    }

    /// Keeps what a table is made of from now on, and notes that its typed log was remade up to a batch. Its marts are remade from that.
    pub async fn record_restaging(
        &self,
        table: &Table,
        shape: &TableState,
        upto: &StagedWindow,
    ) -> Result<()> {
        let TableId { pipeline, name } = &table.id;
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        shape.keep(&transaction, &table.id).await?;
        let left = upto.rejects.unwrap_or_default();
        let (rejects, clean_batch) = (left.count, left.clean_batch());
        let batch = upto.window.upto_batch;
        transaction
            .execute(
                sql!(table_progress::record_restaging),
                &[&pipeline, &name, &batch, &rejects, &clean_batch],
            )
            .await?;
        if let Some(ends) = &upto.ends {
            let whole = Window {
                after_batch: 0,
                upto_batch: batch,
            };
            ends.note(&transaction, table, whole, true).await?;
        }

        transaction.commit().await
    }

    pub async fn record_rejects(
        &self,
        TableId { pipeline, name }: &TableId,
        left: RejectsLeft,
    ) -> Result<()> {
        self.execute(
            sql!(table_progress::record_rejects),
            &[&pipeline, &name, &left.count, &left.clean_batch()],
        )
        .await?;

        Ok(())
    }

    /// Records a publication: in one transaction the batch that it reached, what it changed, the ends of its statements and the table's size.
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
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        let moved = match changed {
            Changed::Rows(_) => sql!(table_progress::record_current),
            Changed::Versions(_) => sql!(table_progress::record_history),
        };
        transaction
            .execute(moved, &[pipeline, name, batch, bytes])
            .await?;
        for statement in statements {
            statement
                .end
                .record(&transaction, statement.id, StatementOutcome::Succeeded)
                .await?;
        }
        let (record, counts): (_, Vec<&(dyn ToSql + Sync)>) = match changed {
            Changed::Rows(rows) => (
                sql!(table_progress::record_changes),
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
                sql!(table_progress::record_versions),
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
                .await?;
        }

        transaction.commit().await
    }
}

impl LogEnd {
    /// Notes it as the end of a window's events, or as the end of the whole typed log up to the window's end.
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
                .execute(sql!(table_progress::raise_events), &whole)
                .await?;
        } else {
            transaction
                .execute(sql!(table_progress::bound_events), &bound)
                .await?;
        }

        Ok(())
    }
}
