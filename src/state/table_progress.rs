//! Records how far staging, current rows and history of a table are, each with its proof in one transaction.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::builds::end_builds;
use super::queries::{Queries, Transaction};
use super::sql::sql;
use super::{
    EndedStatement, Layer, Published, Staged, StatementOutcome, Store, TableState, Versions, Window,
};
use crate::error::Result;
use crate::pipeline::{Mart, Table, TableId};

/// The last event of a typed log, or of the part that a window filled.
#[derive(Debug, Clone, Default)]
pub struct LastEvent {
    /// The highest event id.
    pub event: Option<i64>,
    /// The latest time, as Trino writes it.
    pub time: Option<String>,
    /// Truncates; 0 if they were not counted.
    pub truncates: i64,
}

/// The part of a typed log in which a last event was looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LookedAt {
    /// The events of the window.
    #[default]
    Window,
    /// The whole typed log, up to the window's end.
    WholeTypedLog,
}

/// The counts of a publication. Each is `None` if the publication did not work on that mart.
#[derive(Debug, Clone, Copy)]
pub struct Changed {
    pub rows: Option<Published>,
    pub versions: Option<Versions>,
}

impl Changed {
    /// A publication that had nothing to do.
    #[must_use]
    pub fn nothing(mart: Mart) -> Self {
        Self {
            rows: (mart != Mart::History).then(Published::default),
            versions: (mart != Mart::Current).then(Versions::default),
        }
    }
}

/// A window that was added to a table's typed log.
#[derive(Debug, Clone, Default)]
pub struct StagedWindow {
    pub window: Window,
    /// The outcomes of its events.
    pub staged: Staged,
    /// The last event. It is looked up if events were rejected, because the batches' own last events are then too high.
    pub last_event: Option<LastEvent>,
    /// The part of the typed log that ends with `last_event`.
    pub looked_at: LookedAt,
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
    /// The table's snapshot after it; `None` if nothing was written.
    pub snapshot: Option<String>,
    /// The snapshot that its first statement changed.
    pub snapshot_before: Option<String>,
    /// Whether only keys of the new batches can have changed.
    pub is_of_batches: bool,
    pub changed: Changed,
    /// The statements that did it.
    pub statements: Vec<EndedStatement>,
}

impl Store {
    /// Records up to which batch a table is staged and, in the same transaction, its last event and its counts.
    pub async fn record_staging(
        &self,
        run: Uuid,
        table: &Table,
        staged_window: &StagedWindow,
    ) -> Result<()> {
        let TableId { pipeline, name } = &table.id;
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        let upto_batch = staged_window.window.upto_batch;
        let rejects = staged_window.rejects.map(|left| left.count);
        let clean_batch = staged_window.rejects.and_then(RejectsLeft::clean_batch);
        transaction
            .execute(
                sql!(table_progress::record_staging),
                &[&pipeline, &name, &upto_batch, &rejects, &clean_batch],
            )
            .await?;
        if let Some(last_event) = &staged_window.last_event {
            last_event
                .record(
                    &transaction,
                    table,
                    staged_window.window,
                    staged_window.looked_at,
                )
                .await?;
        }
        if staged_window.window.after_batch == 0 {
            end_builds(&transaction, &table.id, &[Layer::Log, Layer::Sliced]).await?;
        }
        let Staged {
            read,
            rejected,
            duplicate,
            staged,
        } = &staged_window.staged;
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

    /// Records the table's new columns and that its typed log was remade. The next publication remakes the marts.
    pub async fn record_restaging(
        &self,
        table: &Table,
        shape: &TableState,
        staged_window: &StagedWindow,
    ) -> Result<()> {
        let TableId { pipeline, name } = &table.id;
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        shape.keep(&transaction, &table.id).await?;
        let left = staged_window.rejects.unwrap_or_default();
        let (rejects, clean_batch) = (left.count, left.clean_batch());
        let batch = staged_window.window.upto_batch;
        transaction
            .execute(
                sql!(table_progress::record_restaging),
                &[&pipeline, &name, &batch, &rejects, &clean_batch],
            )
            .await?;
        end_builds(&transaction, &table.id, &Layer::ALL).await?;
        if let Some(last_event) = &staged_window.last_event {
            let whole = Window {
                after_batch: 0,
                upto_batch: batch,
            };
            last_event
                .record(&transaction, table, whole, LookedAt::WholeTypedLog)
                .await?;
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
        table: &TableId,
        publication: &Publication,
    ) -> Result<()> {
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        if let Some(rows) = &publication.changed.rows {
            publication.record_rows(&transaction, table, rows).await?;
        }
        if let Some(versions) = &publication.changed.versions {
            publication
                .record_versions(&transaction, table, versions)
                .await?;
        }
        if let (Some(_), Some(snapshot)) = (&publication.changed.rows, &publication.snapshot) {
            let TableId { pipeline, name } = table;
            transaction
                .execute(
                    sql!(publications::record_table_publication),
                    &[
                        &pipeline,
                        &name,
                        snapshot,
                        &publication.is_of_batches,
                        &publication.snapshot_before,
                    ],
                )
                .await?;
        }
        for statement in &publication.statements {
            statement
                .end
                .record(&transaction, statement.id, StatementOutcome::Succeeded)
                .await?;
        }

        transaction.commit().await
    }
}

impl Publication {
    fn remakes(&self) -> i64 {
        i64::from(!self.is_of_batches)
    }

    async fn record_rows(
        &self,
        transaction: &Transaction<'_>,
        table: &TableId,
        rows: &Published,
    ) -> Result<()> {
        let TableId { pipeline, name } = table;
        // The files of a view are those of the history.
        let bytes = self.bytes.filter(|_| self.changed.versions.is_none());
        transaction
            .execute(
                sql!(table_progress::record_current),
                &[
                    pipeline,
                    name,
                    &self.upto_batch,
                    &bytes,
                    &self.snapshot,
                    &self.remakes(),
                ],
            )
            .await?;
        end_builds(transaction, table, &[Layer::Current]).await?;
        if *rows == Published::default() {
            return Ok(());
        }
        transaction
            .execute(
                sql!(table_progress::record_changes),
                &[
                    &self.run,
                    pipeline,
                    name,
                    &self.upto_batch,
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
            )
            .await?;

        Ok(())
    }

    async fn record_versions(
        &self,
        transaction: &Transaction<'_>,
        table: &TableId,
        versions: &Versions,
    ) -> Result<()> {
        let TableId { pipeline, name } = table;
        transaction
            .execute(
                sql!(table_progress::record_history),
                &[
                    pipeline,
                    name,
                    &self.upto_batch,
                    &self.bytes,
                    &self.snapshot,
                    &self.remakes(),
                ],
            )
            .await?;
        end_builds(transaction, table, &[Layer::History]).await?;
        if *versions == Versions::default() {
            return Ok(());
        }
        transaction
            .execute(
                sql!(table_progress::record_versions),
                &[
                    &self.run,
                    pipeline,
                    name,
                    &self.upto_batch,
                    &versions.versions_opened,
                    &versions.versions_closed,
                    &versions.versions_split,
                    &versions.versions_changed,
                    &versions.versions_removed,
                ],
            )
            .await?;

        Ok(())
    }
}

impl LastEvent {
    /// Records it as the last event of the window, or of the whole typed log up to the window's end.
    async fn record(
        &self,
        transaction: &Transaction<'_>,
        table: &Table,
        window: Window,
        looked_at: LookedAt,
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
        match looked_at {
            LookedAt::Window => {
                transaction
                    .execute(sql!(table_progress::bound_events), &bound)
                    .await?;
            }
            LookedAt::WholeTypedLog => {
                let whole = [&bound[..], &[truncates]].concat();
                transaction
                    .execute(sql!(table_progress::set_last_event), &whole)
                    .await?;
            }
        }

        Ok(())
    }
}
