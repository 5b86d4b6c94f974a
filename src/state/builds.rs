//! Builds: how far a table is that is made slice by slice, so that another attempt goes on where the last one ended.

use serde_json::Value;

use super::queries::{Queries, Transaction};
use super::rows::{from_row, text_column};
use super::sql::sql;
use super::{EndedStatement, StatementOutcome, Store};
use crate::error::Result;
use crate::pipeline::TableId;

/// The tables that a tracked table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The typed log.
    Log,
    /// The current rows.
    Current,
    /// The history.
    History,
}

text_column!(Layer {
    Log = "log",
    Current = "current",
    History = "history",
});

/// What is known of the builds of a layer.
#[derive(Debug, Clone)]
pub struct Build {
    /// The last batch in the build under way; `None` if there is none.
    upto_batch: Option<i64>,
    /// The definition that it is made by.
    made_of: Option<Value>,
    /// The bucket that the next slice begins with.
    pub position: i32,
    /// The bucket behind the slice that was sent last.
    pub sent_to: i32,
    /// The rows of all slices that are done.
    pub rows: i64,
    /// The events that one statement takes, by the last slices.
    pub fitting: i64,
    /// Whether its table may still be there.
    is_left: bool,
}

from_row!(Build {
    upto_batch,
    made_of,
    position,
    sent_to,
    rows,
    fitting,
    is_left
});

impl Build {
    /// Whether nothing of it is needed any more, but its table may be there.
    #[must_use]
    pub fn is_published_and_left(&self) -> bool {
        self.is_left && self.upto_batch.is_none()
    }

    /// The last batch of the build under way, if it is made by this.
    #[must_use]
    pub fn usable_upto(&self, made_of: &Value) -> Option<i64> {
        self.upto_batch
            .filter(|_| self.made_of.as_ref() == Some(made_of))
    }
}

impl Store {
    pub async fn build(
        &self,
        TableId { pipeline, name }: &TableId,
        layer: Layer,
    ) -> Result<Option<Build>> {
        self.row_opt(sql!(builds::read_build), &[&pipeline, &name, &layer])
            .await
    }

    /// Begins a build with nothing in it.
    pub async fn begin_build(
        &self,
        TableId { pipeline, name }: &TableId,
        layer: Layer,
        upto_batch: i64,
        made_of: &Value,
        fitting: i64,
    ) -> Result<()> {
        self.execute(
            sql!(builds::begin_build),
            &[&pipeline, &name, &layer, &upto_batch, made_of, &fitting],
        )
        .await?;

        Ok(())
    }

    /// Notes where a slice ends, before it is sent.
    pub async fn begin_slice(
        &self,
        TableId { pipeline, name }: &TableId,
        layer: Layer,
        sent_to: i32,
    ) -> Result<()> {
        self.execute(
            sql!(builds::begin_slice),
            &[&pipeline, &name, &layer, &sent_to],
        )
        .await?;

        Ok(())
    }

    /// Notes in one transaction that the slice that was sent last is in the build, and the end of its statement.
    pub async fn record_slice(
        &self,
        TableId { pipeline, name }: &TableId,
        layer: Layer,
        rows: i64,
        fitting: i64,
        statement: Option<&EndedStatement>,
    ) -> Result<()> {
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        transaction
            .execute(
                sql!(builds::record_slice),
                &[&pipeline, &name, &layer, &rows, &fitting],
            )
            .await?;
        if let Some(EndedStatement { id, end }) = statement {
            end.record(&transaction, *id, StatementOutcome::Succeeded)
                .await?;
        }

        transaction.commit().await
    }

    /// Notes how many events one statement takes.
    pub async fn record_fitting(
        &self,
        TableId { pipeline, name }: &TableId,
        layer: Layer,
        fitting: i64,
    ) -> Result<()> {
        self.execute(
            sql!(builds::record_fitting),
            &[&pipeline, &name, &layer, &fitting],
        )
        .await?;

        Ok(())
    }

    /// Notes that the table of a build is gone.
    pub async fn record_dropped_build(
        &self,
        TableId { pipeline, name }: &TableId,
        layer: Layer,
    ) -> Result<()> {
        self.execute(
            sql!(builds::record_dropped_build),
            &[&pipeline, &name, &layer],
        )
        .await?;

        Ok(())
    }
}

/// Ends the builds of these layers: they are published, or nothing of them can be used.
pub(super) async fn end_builds(
    transaction: &Transaction<'_>,
    TableId { pipeline, name }: &TableId,
    layers: &[Layer],
) -> Result<()> {
    let layers: Vec<&str> = layers.iter().map(|layer| layer.as_str()).collect();
    transaction
        .execute(sql!(builds::end_build), &[&pipeline, &name, &layers])
        .await?;

    Ok(())
}
