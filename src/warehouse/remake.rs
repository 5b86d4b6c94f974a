//! Remakes: a table is made whole. One statement does it, or, if the table is too large for one, slice by slice in a build: a
//! table of its own. That one then replaces the table by one commit, so readers never see a part.

use serde::Serialize;
use serde_json::{Map, Value};

use super::slices::{Slice, Slicing};
use super::{Target, build, sliced_log};
use crate::error::{Error, Result};
use crate::landing;
use crate::publish::{Committed, Planned};
use crate::sql::{TableName, render};
use crate::state::{EndedStatement, Fit, Layer};

/// One layer of a table, made from the layer before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remake<'a> {
    pub(super) target: Target<'a>,
    pub(super) layer: Layer,
    /// Whether a slice has all events of some keys; else those of some ids.
    pub(super) slices_by_key: bool,
    /// Whether the table was never published, so that nobody reads it yet.
    pub(super) is_first: bool,
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

/// The context of `marts/publish_build.sql` and `marts/rename_build.sql`.
#[derive(Serialize)]
struct PublishContext<'a> {
    table: &'a TableName,
    build: &'a TableName,
    properties: Map<String, Value>,
}

/// How a build went on.
pub(super) enum Filled {
    /// One statement takes the whole table.
    AtOnce,
    /// All slices are in the build, with so many rows.
    InSlices { rows: i64 },
}

impl Remake<'_> {
    /// Replaces the table by one commit, and gives it. `context` is that of the layer's statement for a slice.
    pub(super) async fn make<C: Serialize>(
        &self,
        context: &impl Fn(Slice) -> C,
    ) -> Result<Committed> {
        let filled = self.fill(context).await?;

        self.finish(filled, context).await
    }

    /// Replaces the table after [`Remake::fill`].
    pub(super) async fn finish<C: Serialize>(
        &self,
        filled: Filled,
        context: &impl Fn(Slice) -> C,
    ) -> Result<Committed> {
        if let Filled::InSlices { rows } = filled {
            return self.publish(rows).await;
        }
        match self.make_at_once(context).await {
            Err(error) if error.is_out_of_memory() && self.events > 0 => {
                let smaller = self.refused(error).await?;
                let filled = smaller.fill(context).await?;
                match filled {
                    Filled::InSlices { rows } => smaller.publish(rows).await,
                    Filled::AtOnce => smaller.make_at_once(context).await,
                }
            }
            made => made,
        }
    }

    /// Makes the table that a test reads, if the table is too large for one statement: a build that
    /// [`Remake::make`] then publishes.
    pub(super) async fn prepare<C: Serialize>(
        &self,
        context: &impl Fn(Slice) -> C,
    ) -> Result<Option<TableName>> {
        Ok(match self.fill(context).await? {
            Filled::AtOnce => None,
            Filled::InSlices { .. } if build::rows(self.target, &self.table()).await?.is_none() => {
                Some(self.replaced())
            }
            Filled::InSlices { .. } => Some(self.table()),
        })
    }

    /// The same build after Trino refused it as one statement: it takes half as many events in one statement. Gives back
    /// the refusal if it has no two events.
    pub(super) async fn refused(&self, refusal: Error) -> Result<Self> {
        let mut smaller = *self;
        if self.layer != Layer::Log {
            // After a loss of the state database the log has more events than the state knows.
            let rows = build::rows(self.target, &self.target.staging()).await?;
            smaller.events = smaller.events.max(rows.unwrap_or_default());
        }
        if smaller.events < 2 {
            return Err(refusal);
        }
        let events = smaller.fitting().await?.min(smaller.events) / 2;
        smaller.record_fit(Fit::of(events.max(1))).await?;

        Ok(smaller)
    }

    async fn record_fit(&self, fit: Fit) -> Result<()> {
        let store = self.target.publisher.store;

        store
            .record_fit(&self.target.table.id, self.layer, fit)
            .await
    }

    async fn make_at_once<C: Serialize>(&self, context: &impl Fn(Slice) -> C) -> Result<Committed> {
        let remake = self.sql(context(Slice::ALL), None)?;

        self.make_by(&remake).await
    }

    /// The statement that replaces the table, or adds a slice to a build of it.
    fn sql<C: Serialize>(&self, context: C, build: Option<&TableName>) -> Result<String> {
        render(self.statement(), FillContext { context, build })
    }

    /// The statements of a remake that begins now.
    pub(super) async fn planned<C: Serialize>(
        &self,
        context: &impl Fn(Slice) -> C,
    ) -> Result<Vec<Planned>> {
        let slicing = Slicing::new(self.events, self.fitting().await?);
        if slicing.is_one() {
            let remake = self.sql(context(Slice::ALL), None)?;
            return Ok(vec![Planned::once(&self.replaced(), remake)]);
        }
        let table = self.table();
        let create = render(self.create(), self.target.context_of_build(self.layer))?;
        let first = slicing.slice().unwrap_or(Slice::ALL);

        Ok(vec![
            Planned::once(&table, create),
            Planned {
                slices: slicing.left().into(),
                ..Planned::once(&table, self.sql(context(first), Some(&table))?)
            },
        ])
    }

    /// Replaces the table by this statement.
    pub(super) async fn make_by(&self, remake: &str) -> Result<Committed> {
        let made = self
            .target
            .publisher
            .remake_unrecorded(&self.replaced(), remake)
            .await?;
        let fit = Fit::new(None, self.all_events, made.elapsed);
        self.record_fit(fit).await?;

        Ok(made)
    }

    /// Adds the slices that the build lacks.
    pub(super) async fn fill<C: Serialize>(&self, context: &impl Fn(Slice) -> C) -> Result<Filled> {
        let Some(mut slicing) = self.begin().await? else {
            return Ok(Filled::AtOnce);
        };
        if self.layer != Layer::Log && slicing.left() >= sliced_log::MIN_SLICES {
            slicing.reads_sliced_log = sliced_log::ensure(self.target, self.upto_batch).await?;
        }
        let (publisher, table) = (self.target.publisher, self.table());
        let (store, id) = (publisher.store, &self.target.table.id);
        while let Some(slice) = slicing.slice() {
            let sent_to = i32::try_from(slice.last + 1).map_err(Error::internal)?;
            store.begin_slice(id, self.layer, sent_to).await?;
            let sql = self.sql(context(slice), Some(&table))?;
            let part = slicing.part();
            match publisher.fill_unrecorded(&table, &sql, part).await {
                Ok(committed) => {
                    let events = slicing.events_of(slice);
                    slicing.adapt(slice, committed.peak_memory, self.target.statement_memory);
                    slicing.advance(slice);
                    let fit = Fit::new(Some(slicing.fitting()), events, committed.elapsed);
                    self.record(&committed, fit).await?;
                    publisher.note(&format!("slice {}", slice.last));
                    tracing::info!(table = %table, slice = part.number, of = part.of, "a slice is built");
                }
                Err(error) if error.is_out_of_memory() => {
                    if !slicing.shrink(slice) {
                        return Err(self.too_large(slice, error).await);
                    }
                    self.record_fit(Fit::of(slicing.fitting())).await?;
                    tracing::info!(table = %table, slice = part.number, "a slice needs too much memory and shrinks");
                }
                Err(error) => return Err(error),
            }
        }
        let built = store.build(id, self.layer).await?;
        let built = built.ok_or_else(|| Error::internal("a build is not in the state"))?;

        Ok(Filled::InSlices { rows: built.rows })
    }

    /// Where the next slice begins; `None` if one statement takes the whole table.
    async fn begin(&self) -> Result<Option<Slicing>> {
        let publisher = self.target.publisher;
        let (store, id) = (publisher.store, &self.target.table.id);
        let made_of = build::made_of(self.target, self.slices_by_key);
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
        for lost in publisher.resolve_build(&table).await? {
            publisher.record(&lost).await?;
        }
        // Before the drop, so that nothing takes the state of an earlier build for that of this one.
        store
            .begin_build(id, self.layer, self.upto_batch, &made_of)
            .await?;
        landing::drop_table(publisher, &table).await?;
        let create = render(self.create(), self.target.context_of_build(self.layer))?;
        publisher.run(&table, &create).await?;

        Ok(Some(slicing))
    }

    /// Goes on behind the last slice of an earlier attempt; `None` if the build is not what was noted.
    async fn resume(&self) -> Result<Option<Slicing>> {
        let publisher = self.target.publisher;
        let (store, id) = (publisher.store, &self.target.table.id);
        let lost = publisher.resolve_build(&self.table()).await?;
        let Some(mut build) = store.build(id, self.layer).await? else {
            return Ok(None);
        };
        for committed in lost {
            if build.sent_to > build.position {
                self.record(&committed, Fit::default()).await?;
                build.rows += committed.added;
                build.position = build.sent_to;
            } else {
                publisher.record(&committed).await?;
            }
        }
        if build.position == 0 {
            // The table of an earlier build may still be there, with other columns.
            return Ok(None);
        }
        let position = u32::try_from(build.position).map_err(Error::internal)?;
        let fitting = self.fitting().await?;
        let slicing = Slicing::resume(self.events, fitting, position);
        let is_as_noted = match build::rows(self.target, &self.table()).await? {
            None => slicing.slice().is_none() && self.is_renamed().await?,
            found => found == Some(build.rows),
        };

        Ok(is_as_noted.then_some(slicing))
    }

    /// Whether the table is the build by now: it has the snapshot of the build's last slice.
    async fn is_renamed(&self) -> Result<bool> {
        let publisher = self.target.publisher;
        let build = self.table().to_string();
        let last = publisher
            .store
            .last_statement(publisher.pipeline, &build)
            .await?;
        let Some(last) = last else {
            return Ok(false);
        };
        let found = publisher.find_commit(&self.replaced(), &last).await?;

        Ok(found.is_some())
    }

    /// Replaces the table by the build, in one commit.
    async fn publish(&self, rows: i64) -> Result<Committed> {
        let publisher = self.target.publisher;
        let (table, built) = (self.replaced(), self.table());
        let context = PublishContext {
            table: &table,
            build: &built,
            properties: self.target.properties_of(self.layer),
        };
        match build::rows(self.target, &self.table()).await? {
            Some(found) if found != rows => Err(Error::Unbalanced {
                detail: format!(
                    "`{built}` has {found} rows, but its slices added {rows}; the next run builds it again. Does something else write to it?"
                ),
            }),
            Some(_) if self.is_first && build::is_empty(self.target, &table).await? => {
                // Nobody reads a table that was never published, and a name costs less than a copy of all rows.
                landing::drop_table(publisher, &table).await?;
                let rename = render("marts/rename_build.sql", context)?;
                publisher.run(&built, &rename).await?;
                self.renamed(rows).await
            }
            Some(_) => {
                let copy = render("marts/publish_build.sql", context)?;
                publisher.remake_unrecorded(&table, &copy).await
            }
            None => self.renamed(rows).await,
        }
    }

    /// The last commit of the table, after the build got its name.
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

        Ok(kept
            .and_then(|build| build.fitting)
            .unwrap_or_else(|| Slicing::expected_fit(self.target)))
    }

    /// Names the key that no statement can take. A slice of the typed log has no whole keys.
    async fn too_large(&self, slice: Slice, refusal: Error) -> Error {
        if self.layer == Layer::Log {
            return refusal;
        }

        build::key_too_large(self.target, self.upto_batch, slice, refusal).await
    }

    /// The table that the build replaces.
    fn replaced(&self) -> TableName {
        self.target.table_of(self.layer)
    }

    fn table(&self) -> TableName {
        self.target.build_of(self.layer)
    }

    /// The template that remakes the table, or adds a slice to a build.
    fn statement(&self) -> &'static str {
        match self.layer {
            Layer::Log => "staging/remake.sql",
            Layer::Sliced => "marts/slice_log.sql",
            Layer::Current => "marts/remake_current.sql",
            Layer::History => "marts/remake_history.sql",
        }
    }

    fn create(&self) -> &'static str {
        match self.layer {
            Layer::Log => "staging/create.sql",
            Layer::Sliced => "marts/slice_log.sql",
            Layer::Current => "marts/create_current.sql",
            Layer::History => "marts/create_history.sql",
        }
    }
}
