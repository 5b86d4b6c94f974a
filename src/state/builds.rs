//! Builds: how far a table is that is made slice by slice, so that another attempt goes on where the last one ended.

use std::time::Duration;

use serde_json::Value;

use super::queries::{Queries, Transaction};
use super::rows::{from_row, text_column};
use super::sql::sql;
use super::{EndedStatement, StatementOutcome, Store};
use crate::error::Result;
use crate::pipeline::{Marts, Table, TableId};

/// The tables that a tracked table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The typed log.
    Log,
    /// The typed log in slices, while marts are built.
    Sliced,
    /// The current rows.
    Current,
    /// The history.
    History,
}

text_column!(Layer {
    Log = "log",
    Sliced = "sliced",
    Current = "current",
    History = "history",
});

impl Layer {
    pub const ALL: [Self; 4] = [Self::Log, Self::Sliced, Self::Current, Self::History];
}

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
    /// The events that one statement takes; `None` before a slice or a refusal showed it.
    pub fitting: Option<i64>,
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

/// The number of events that one statement takes, and its speed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fit {
    events: Option<i64>,
    /// How fast it made the table.
    events_per_second: Option<f64>,
}

impl Fit {
    /// A statement takes so many events.
    #[must_use]
    pub fn of(events: i64) -> Self {
        Self {
            events: Some(events),
            events_per_second: None,
        }
    }

    /// A statement takes `fitting` events; it just made a part of the table from `made` events.
    #[must_use]
    pub fn new(fitting: Option<i64>, made: i64, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate is an estimate")]
        let events_per_second = (seconds > 0.0).then(|| made as f64 / seconds);

        Self {
            events: fitting,
            events_per_second,
        }
    }
}

/// An estimate of a build, from measurements of earlier builds.
#[derive(Debug, Clone)]
pub struct ExpectedBuild {
    pub events: i64,
    /// The size of landed files, divided by their events.
    pub landed_bytes_per_event: Option<f64>,
    /// How many events a second go into each layer.
    pub log_rate: Option<f64>,
    pub current_rate: Option<f64>,
    pub history_rate: Option<f64>,
    /// The events of the history that one statement takes.
    pub fitting: Option<i64>,
}

from_row!(ExpectedBuild {
    events,
    landed_bytes_per_event,
    log_rate,
    current_rate,
    history_rate,
    fitting
});

/// Typed log, sliced log, current rows and history: none of them needs more than what landed. A history may be copied once.
const MOST_COPIES: f64 = 5.0;

impl ExpectedBuild {
    /// The most that new files need.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "an estimate"
    )]
    pub fn disk_bytes(&self) -> Option<i64> {
        let bytes = self.landed_bytes_per_event?;

        Some((bytes * self.events as f64 * MOST_COPIES) as i64)
    }

    /// How long it takes: one layer after the other. `None` if one of these layers was never built.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "an estimate"
    )]
    pub fn seconds(&self, marts: Marts) -> Option<i64> {
        let seconds = |rate: Option<f64>| rate.map(|rate| self.events as f64 / rate);
        let (log, current, history) = (
            seconds(self.log_rate)?,
            seconds(self.current_rate),
            seconds(self.history_rate),
        );
        let marts = match marts {
            Marts::TwoTables => current? + history?,
            Marts::CurrentView => history?,
            Marts::NoHistory => current?,
        };

        Some((log + marts).ceil() as i64)
    }
}

impl Build {
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.upto_batch.is_some()
    }

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
    ) -> Result<()> {
        self.execute(
            sql!(builds::begin_build),
            &[&pipeline, &name, &layer, &upto_batch, made_of],
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
        Fit {
            events,
            events_per_second,
        }: Fit,
        statement: Option<&EndedStatement>,
    ) -> Result<()> {
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        transaction
            .execute(
                sql!(builds::record_slice),
                &[&pipeline, &name, &layer, &rows, &events, &events_per_second],
            )
            .await?;
        if let Some(EndedStatement { id, end }) = statement {
            end.record(&transaction, *id, StatementOutcome::Succeeded)
                .await?;
        }

        transaction.commit().await
    }

    /// Notes how many events one statement takes.
    pub async fn record_fit(
        &self,
        TableId { pipeline, name }: &TableId,
        layer: Layer,
        Fit {
            events,
            events_per_second,
        }: Fit,
    ) -> Result<()> {
        self.execute(
            sql!(builds::record_fitting),
            &[&pipeline, &name, &layer, &events, &events_per_second],
        )
        .await?;

        Ok(())
    }

    /// Estimates a build of a table from all events that landed up to a batch.
    pub async fn expected_build(&self, table: &Table, upto_batch: i64) -> Result<ExpectedBuild> {
        self.row(
            sql!(builds::expected_build),
            &[
                &table.id.pipeline,
                &table.id.name,
                &table.source.schema,
                &table.source.name,
                &upto_batch,
            ],
        )
        .await
    }

    /// The last statement, by its id in Trino, that added rows to a table of a pipeline.
    pub async fn last_statement(&self, pipeline: &str, target: &str) -> Result<Option<String>> {
        self.value_opt(sql!(builds::last_statement), &[&pipeline, &target])
            .await
    }

    /// Notes that the build of a layer is of no use any more.
    pub async fn end_build(
        &self,
        TableId { pipeline, name }: &TableId,
        layer: Layer,
    ) -> Result<()> {
        let layers = vec![layer.as_str()];
        self.execute(sql!(builds::end_build), &[&pipeline, &name, &layers])
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
