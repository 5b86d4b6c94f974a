//! Builds: makes a table whole. One statement does it, or, if the table is too large for one, slice by slice in a table of
//! its own. That one then replaces the table by one commit, so readers never see a part.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Target;
use super::slices::{Slice, Slicing};
use crate::error::{Error, Result};
use crate::landing;
use crate::pipeline::Names;
use crate::publish::Committed;
use crate::sql::{TableName, render};
use crate::state::{EndedStatement, Fit, Layer};

/// One layer of a table, made from the layer before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Build<'a> {
    pub(super) target: Target<'a>,
    pub(super) layer: Layer,
    pub(super) upto_batch: i64,
    /// The events that it is made of.
    pub(super) all_events: i64,
    /// The events whose number decides how much memory a statement needs; 0 if it needs no more for more of them.
    pub(super) events: i64,
}

/// The context of a statement that remakes a table, or adds a slice to a build of it.
#[derive(Serialize)]
struct FillContext<'a, C> {
    #[serde(flatten)]
    context: C,
    build: Option<&'a TableName>,
}

/// The context of `marts/largest_key.sql`.
#[derive(Serialize)]
struct SliceContext<'a> {
    #[serde(flatten)]
    table: super::target::TableContext<'a>,
    upto_batch: i64,
    slice: Slice,
}

/// The row of `marts/built_rows.sql`.
#[derive(Deserialize)]
struct BuiltRow {
    rows: i64,
}

/// The row of `marts/largest_key.sql`.
#[derive(Deserialize)]
struct LargestKeyRow {
    key: String,
    events: i64,
}

/// How a build went on.
enum Filled {
    /// One statement takes the whole table.
    AtOnce,
    /// All slices are in the build, with so many rows.
    InSlices { rows: i64 },
}

impl<'a> Build<'a> {
    /// Replaces the table by one commit, and gives it. `context` is that of the layer's statement for a slice.
    pub(super) async fn make<C: Serialize>(
        &self,
        context: impl Fn(Slice) -> C,
    ) -> Result<Committed> {
        match self.fill(&context).await? {
            Filled::InSlices { rows } => self.publish(rows).await,
            Filled::AtOnce => match self.make_at_once(&context).await {
                Err(error) if error.is_out_of_memory() && self.events > 0 => {
                    self.note_refusal().await?;
                    Box::pin(self.make(context)).await
                }
                made => {
                    let made = made?;
                    let fit = fit(self.fitting().await?, self.all_events, &made);
                    self.record_fit(fit).await?;
                    Ok(made)
                }
            },
        }
    }

    /// Makes the table that a test reads, if the table is too large for one statement: a build that
    /// [`Build::make`] then publishes.
    pub(super) async fn prepare<C: Serialize>(
        &self,
        context: impl Fn(Slice) -> C,
    ) -> Result<Option<TableName>> {
        Ok(match self.fill(&context).await? {
            Filled::AtOnce => None,
            Filled::InSlices { .. } => Some(self.table()),
        })
    }

    /// Notes that one statement cannot take all events.
    pub(super) async fn note_refusal(&self) -> Result<()> {
        let events = (self.fitting().await?.min(self.events) / 2).max(1);

        self.record_fit(Fit {
            events,
            events_per_second: None,
        })
        .await
    }

    async fn record_fit(&self, fit: Fit) -> Result<()> {
        let store = self.target.publisher.store;

        store
            .record_fit(&self.target.table.id, self.layer, fit)
            .await
    }

    async fn make_at_once<C: Serialize>(&self, context: &impl Fn(Slice) -> C) -> Result<Committed> {
        let context = FillContext {
            context: context(Slice::ALL),
            build: None,
        };
        let remake = render(self.statement(), context)?;

        self.target
            .publisher
            .remake_unrecorded(&self.replaced(), &remake)
            .await
    }

    /// Adds the slices that the build lacks.
    async fn fill<C: Serialize>(&self, context: &impl Fn(Slice) -> C) -> Result<Filled> {
        let Some(mut slicing) = self.begin().await? else {
            return Ok(Filled::AtOnce);
        };
        let (publisher, table) = (self.target.publisher, self.table());
        let (store, id) = (publisher.store, &self.target.table.id);
        while let Some(slice) = slicing.slice() {
            let sent_to = i32::try_from(slice.last + 1).map_err(Error::internal)?;
            store.begin_slice(id, self.layer, sent_to).await?;
            let context = FillContext {
                context: context(slice),
                build: Some(&table),
            };
            let sql = render(self.statement(), context)?;
            let part = slicing.part();
            match publisher.fill_unrecorded(&table, &sql, part).await {
                Ok(committed) => {
                    let events = slicing.events_of(slice);
                    slicing.adapt(slice, committed.peak_memory, self.target.statement_memory);
                    slicing.advance(slice);
                    let fit = fit(slicing.fitting(), events, &committed);
                    self.record(&committed, fit).await?;
                    tracing::info!(table = %table, slice = part.number, of = part.of, "a slice is built");
                }
                Err(error) if error.is_out_of_memory() => {
                    if !slicing.shrink(slice) {
                        return Err(self.too_large(slice, error).await);
                    }
                    self.record_fit(Fit {
                        events: slicing.fitting(),
                        events_per_second: None,
                    })
                    .await?;
                    tracing::info!(table = %table, slice = part.number, "a slice needs too much memory and shrinks");
                }
                Err(error) => return Err(error),
            }
        }
        let built = store.build(id, self.layer).await?;
        let rows = built.map(|build| build.rows).unwrap_or_default();

        Ok(Filled::InSlices { rows })
    }

    /// Where the next slice begins; `None` if one statement takes the whole table.
    async fn begin(&self) -> Result<Option<Slicing>> {
        let publisher = self.target.publisher;
        let (store, id) = (publisher.store, &self.target.table.id);
        let made_of = made_of(self.target);
        let kept = store.build(id, self.layer).await?;
        let usable = kept
            .as_ref()
            .filter(|build| build.usable_upto(&made_of) == Some(self.upto_batch));
        if usable.is_some()
            && let Some(slicing) = self.resume().await?
        {
            return Ok(Some(slicing));
        }
        let fitting = self.fitting().await?;
        let slicing = Slicing::new(self.events, fitting);
        if slicing.is_one() {
            return Ok(None);
        }
        let table = self.table();
        publisher.resolve_build(&table).await?;
        landing::drop_table(publisher, &table).await?;
        let create = render(self.create(), self.target.context_of_build(self.layer))?;
        publisher.run(&table, &create).await?;
        store
            .begin_build(id, self.layer, self.upto_batch, &made_of, fitting)
            .await?;

        Ok(Some(slicing))
    }

    /// Goes on behind the last slice of an earlier attempt; `None` if the build is not what was noted.
    async fn resume(&self) -> Result<Option<Slicing>> {
        let publisher = self.target.publisher;
        let (store, id) = (publisher.store, &self.target.table.id);
        let table = self.table();
        let lost_rows = publisher.resolve_build(&table).await?;
        let Some(build) = store.build(id, self.layer).await? else {
            return Ok(None);
        };
        if let Some(rows) = lost_rows.filter(|_| build.sent_to > build.position) {
            let fit = Fit {
                events: build.fitting,
                events_per_second: None,
            };
            store.record_slice(id, self.layer, rows, fit, None).await?;
        }
        let Some(build) = store.build(id, self.layer).await? else {
            return Ok(None);
        };
        let position = u32::try_from(build.position).map_err(Error::internal)?;
        let slicing = Slicing::resume(self.events, build.fitting, position);
        let found = self.built_rows().await?;
        // A complete build that is gone has the name of its table by now.
        let is_renamed = found.is_none() && slicing.slice().is_none();

        Ok((is_renamed || found == Some(build.rows)).then_some(slicing))
    }

    /// Replaces the table by the build, in one commit.
    async fn publish(&self, rows: i64) -> Result<Committed> {
        let publisher = self.target.publisher;
        let (table, build) = (self.replaced(), self.table());
        let context = json!({
            "table": table,
            "build": build,
            "is_partitioned": self.layer == Layer::History,
        });
        match self.built_rows().await? {
            Some(found) if found != rows => Err(Error::Unbalanced {
                detail: format!(
                    "`{build}` has {found} rows, but its slices added {rows}; the next run builds it again. Does something else write to it?"
                ),
            }),
            Some(_) if self.is_replaced_empty().await? => {
                // Nobody misses an empty table, and a name costs less than a copy of all rows.
                landing::drop_table(publisher, &table).await?;
                let rename = render("marts/rename_build.sql", context)?;
                publisher.run(&build, &rename).await?;
                self.renamed(rows).await
            }
            Some(_) => {
                let copy = render("marts/publish_build.sql", context)?;
                publisher.remake_unrecorded(&table, &copy).await
            }
            None => self.renamed(rows).await,
        }
    }

    /// What the table has, after the build got its name.
    async fn renamed(&self, rows: i64) -> Result<Committed> {
        let table = self.replaced();
        let last = self.target.publisher.last_commit(&table).await?;
        let last =
            last.ok_or_else(|| Error::internal(format!("the build of `{table}` is gone")))?;

        Ok(last.of_whole_table(rows))
    }

    /// Records a slice and the end of its statement.
    async fn record(&self, committed: &Committed, fit: Fit) -> Result<()> {
        let ended = committed.statement.map(|id| EndedStatement {
            id,
            end: committed.end(),
        });
        let rows = committed.rows.unwrap_or(committed.added);
        let store = self.target.publisher.store;

        store
            .record_slice(&self.target.table.id, self.layer, rows, fit, ended.as_ref())
            .await
    }

    /// How many events one statement takes: as the last slices showed, or as the columns let expect.
    async fn fitting(&self) -> Result<i64> {
        let store = self.target.publisher.store;
        let kept = store.build(&self.target.table.id, self.layer).await?;

        Ok(kept.map_or_else(|| Slicing::expected_fit(self.target), |build| build.fitting))
    }

    /// The rows of the build; `None` if there is no such table.
    async fn built_rows(&self) -> Result<Option<i64>> {
        let context = json!({"table": self.table()});
        let publisher = self.target.publisher;
        match publisher.row("marts/built_rows.sql", context).await {
            Ok(BuiltRow { rows }) => Ok(Some(rows)),
            Err(Error::Trino(failure)) if failure.name == "TABLE_NOT_FOUND" => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn is_replaced_empty(&self) -> Result<bool> {
        is_empty(self.target, &self.replaced()).await
    }

    /// Names the key that no statement can take.
    async fn too_large(&self, slice: Slice, error: Error) -> Error {
        let context = SliceContext {
            table: self.target.context(),
            upto_batch: self.upto_batch,
            slice,
        };
        let publisher = self.target.publisher;
        if self.layer == Layer::Log {
            return error;
        }
        match publisher.row("marts/largest_key.sql", context).await {
            Ok(LargestKeyRow { key, events }) => Error::KeyTooLarge {
                table: self.target.table.id.to_string(),
                key,
                events,
                cause: error.into(),
            },
            Err(_) => error,
        }
    }

    /// The table that the build replaces.
    fn replaced(&self) -> TableName {
        self.target.table_of(self.layer)
    }

    fn table(&self) -> TableName {
        Names::build(&self.replaced())
    }

    /// The template that remakes the table, or adds a slice to a build.
    fn statement(&self) -> &'static str {
        match self.layer {
            Layer::Log => "staging/remake.sql",
            Layer::Current => "marts/remake_current.sql",
            Layer::History => "marts/remake_history.sql",
        }
    }

    fn create(&self) -> &'static str {
        match self.layer {
            Layer::Log => "staging/create.sql",
            Layer::Current => "marts/create_current.sql",
            Layer::History => "marts/create_history.sql",
        }
    }
}

/// What a statement showed that made a part of a table from so many events.
fn fit(fitting: i64, events: i64, made: &Committed) -> Fit {
    let seconds = made.elapsed.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate is an estimate")]
    let events_per_second = (seconds > 0.0).then(|| events as f64 / seconds);

    Fit {
        events: fitting,
        events_per_second,
    }
}

/// The last batch of the build of a layer that an earlier attempt or run began, if it can still be used.
pub async fn build_upto(target: Target<'_>, layer: Layer) -> Result<Option<i64>> {
    let store = target.publisher.store;
    let kept = store.build(&target.table.id, layer).await?;
    let made_of = made_of(target);

    Ok(kept.and_then(|build| build.usable_upto(&made_of)))
}

/// What a build is made by. It is not used any more once this has changed.
fn made_of(target: Target<'_>) -> Value {
    json!({
        "from": target.table.from,
        "columns": target.columns,
        "is_by_clock": target.table.is_by_clock,
        "max_clock_skew": target.definition.max_clock_skew,
    })
}

/// Drops the table of a published build, if it is still there.
pub async fn drop_leftover(target: Target<'_>, layer: Layer) -> Result<()> {
    let store = target.publisher.store;
    let id = &target.table.id;
    let kept = store.build(id, layer).await?;
    if kept.is_some_and(|build| build.is_published_and_left()) {
        let table = Names::build(&target.table_of(layer));
        landing::drop_table(target.publisher, &table).await?;
        store.record_dropped_build(id, layer).await?;
    }

    Ok(())
}

/// Whether a table has no rows, or does not exist.
pub(super) async fn is_empty(target: Target<'_>, table: &TableName) -> Result<bool> {
    let context = json!({"table": table});
    let rows = target
        .publisher
        .rows::<serde::de::IgnoredAny>("marts/any.sql", context)
        .await;
    match rows {
        Err(Error::Trino(failure)) if failure.name == "TABLE_NOT_FOUND" => Ok(true),
        rows => Ok(rows?.is_empty()),
    }
}
