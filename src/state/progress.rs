//! How far each layer of a table is: moved in one transaction with the proof of it.

use uuid::Uuid;

use super::{Published, Staged, StatementEnd, Store, TableState, Window, fault, statement};
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
        let Window {
            after_batch,
            upto_batch,
        } = upto.window;
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
            let Ends {
                event,
                time,
                truncates,
            } = ends;
            let bound = if upto.is_whole_log {
                statement!("state/raise_events.sql")
            } else {
                statement!("state/bound_events.sql")
            };
            transaction
                .execute(
                    bound,
                    &[
                        &pipeline,
                        &schema,
                        &table,
                        &after_batch,
                        &upto_batch,
                        event,
                        time,
                        truncates,
                    ],
                )
                .await
                .map_err(fault)?;
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
            transaction
                .execute(
                    statement!("state/raise_events.sql"),
                    &[
                        &pipeline,
                        &schema,
                        &table,
                        &0_i64,
                        &batch,
                        &ends.event,
                        &ends.time,
                        &ends.truncates,
                    ],
                )
                .await
                .map_err(fault)?;
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

    /// Notes up to which batch the current rows are published and, in the same transaction, what that changed and the ends of
    /// the statements that did it.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn current_published(
        &self,
        run: Uuid,
        (pipeline, name): (&str, &str),
        batch: i64,
        changed: Published,
        statements: &[(i64, StatementEnd)],
    ) -> Result<()> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        transaction
            .execute(
                statement!("state/published_current.sql"),
                &[&pipeline, &name, &batch],
            )
            .await
            .map_err(fault)?;
        for (id, end) in statements {
            end.record(&transaction, *id, "succeeded").await?;
        }
        if changed != Published::default() {
            transaction
                .execute(
                    statement!("state/record_changes.sql"),
                    &[
                        &run,
                        &pipeline,
                        &name,
                        &batch,
                        &changed.inserted,
                        &changed.updated,
                        &changed.deleted,
                        &changed.published,
                        &changed.late,
                        &changed.superseded,
                        &changed.delete_without_row,
                        &changed.unchanged,
                        &changed.truncates,
                        &changed.truncated,
                    ],
                )
                .await
                .map_err(fault)?;
        }

        transaction.commit().await.map_err(fault)
    }

    /// Notes up to which batch the history is published and, in the same transaction, the ends of the statements that did it.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn history_published(
        &self,
        pipeline: &str,
        name: &str,
        batch: i64,
        statements: &[(i64, StatementEnd)],
    ) -> Result<()> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        transaction
            .execute(
                statement!("state/published_history.sql"),
                &[&pipeline, &name, &batch],
            )
            .await
            .map_err(fault)?;
        for (id, end) in statements {
            end.record(&transaction, *id, "succeeded").await?;
        }

        transaction.commit().await.map_err(fault)
    }
}
