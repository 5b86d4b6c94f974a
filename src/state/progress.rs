//! How far each layer of a table is: moved in one transaction with the proof of it.

use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{
    Published, Staged, StatementEnd, Store, TableState, Versions, Window, fault, statement,
};
use crate::error::Result;

/// The highest event id and the latest time, as Trino writes it, of events in a log; and how many truncates are among them.
#[derive(Debug, Clone, Default)]
pub struct Ends {
    /// The highest event id.
    pub event: Option<i64>,
    /// The latest time.
    pub time: Option<String>,
    /// Truncates; 0 where they were not counted.
    pub truncates: i64,
}

/// What a publication changed.
#[derive(Debug, Clone, Copy)]
pub enum Changed {
    /// Current rows.
    Rows(Published),
    /// A history.
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
pub struct StagedUpto {
    /// The batches that it took.
    pub window: Window,
    /// Where their events ended.
    pub staged: Staged,
    /// The highest event id and the latest time in the log of these batches, where they were looked up because some events
    /// were not taken.
    pub ends: Option<Ends>,
    /// Whether `ends` are those of the whole log up to the window's end.
    pub is_whole_log: bool,
    /// The table's rejects, and the first batch that has one, where they were counted.
    pub rejects: Option<(i64, Option<i64>)>,
}

impl Store {
    /// Notes up to which batch a table is staged and, in the same transaction, where its events ended.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn table_staged(
        &self,
        run: Uuid,
        (pipeline, name): (&str, &str),
        (schema, table): (&str, &str),
        upto: &StagedUpto,
    ) -> Result<()> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        let upto_batch = upto.window.upto_batch;
        let (rejects, first) = upto.rejects.unzip();
        let held = first.flatten().map(|first| first - 1);
        transaction
            .execute(
                statement!("state/staged_table.sql"),
                &[&pipeline, &name, &upto_batch, &rejects, &held],
            )
            .await
            .map_err(fault)?;
        if let Some(ends) = &upto.ends {
            let origin = (pipeline, schema, table);
            ends.note(&transaction, origin, upto.window, upto.is_whole_log)
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
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn unpublish(&self, pipeline: &str, name: &str) -> Result<()> {
        self.client()
            .await?
            .execute(statement!("state/unpublish_table.sql"), &[&pipeline, &name])
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Notes what a table is made of from now on, and that its log was made anew up to a batch, so that its marts are to be made anew from it.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn table_restaged(
        &self,
        (pipeline, name): (&str, &str),
        (schema, table): (&str, &str),
        shape: &TableState,
        upto: &StagedUpto,
    ) -> Result<()> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        shape.keep(&transaction, pipeline, name).await?;
        let (rejects, first) = upto.rejects.unwrap_or_default();
        let held = first.map(|first| first - 1);
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
            ends.note(&transaction, (pipeline, schema, table), whole, true)
                .await?;
        }

        transaction.commit().await.map_err(fault)
    }

    /// Notes how many rejects a table has, and which is the first batch that has one.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn rejects_counted(
        &self,
        (pipeline, name): (&str, &str),
        (rejects, first): (i64, Option<i64>),
    ) -> Result<()> {
        let held = first.map(|first| first - 1);
        self.client()
            .await?
            .execute(
                statement!("state/rejects_counted.sql"),
                &[&pipeline, &name, &rejects, &held],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Notes up to which batch current rows or history are published and, in the same transaction, what that changed, the ends
    /// of the statements that did it, and how large the table is by then.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn published(
        &self,
        run: Uuid,
        (pipeline, name): (&str, &str),
        (batch, bytes): (i64, Option<i64>),
        changed: Changed,
        statements: &[(i64, StatementEnd)],
    ) -> Result<()> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        let moved = match changed {
            Changed::Rows(_) => statement!("state/published_current.sql"),
            Changed::Versions(_) => statement!("state/published_history.sql"),
        };
        transaction
            .execute(moved, &[&pipeline, &name, &batch, &bytes])
            .await
            .map_err(fault)?;
        for (id, end) in statements {
            end.record(&transaction, *id, "succeeded").await?;
        }
        let (record, counts): (_, Vec<&(dyn ToSql + Sync)>) = match &changed {
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
            let of_run: [&(dyn ToSql + Sync); 4] = [&run, &pipeline, &name, &batch];
            transaction
                .execute(record, &[&of_run[..], &counts[..]].concat())
                .await
                .map_err(fault)?;
        }

        transaction.commit().await.map_err(fault)
    }
}

impl Ends {
    /// Notes them as how high the events of the batches are; or those of the whole log up to the last of these.
    async fn note(
        &self,
        transaction: &Transaction<'_>,
        (pipeline, schema, table): (&str, &str, &str),
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
            &pipeline,
            &schema,
            &table,
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
