//! What all services share, as the state database has it: a few statements every 5 s, whatever the number of tables.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use metrics::gauge;

use super::recorder;
use crate::app::App;
use crate::error::{Error, Result, causes};
use crate::pipeline::{TableId, TrackedTable};
use crate::report::{self, Freshness, Subject};
use crate::state::{PipelineGauges, StateSize, Status, TableRejects};

/// The shortest time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// With many tables, a look takes long. The pause after it is so many times longer.
const PAUSE_FACTOR: u32 = 10;
/// An older look says nothing, and its values are absent.
const LONGEST_AGE: Duration = Duration::from_mins(2);

/// What the last look found, as text.
#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<Option<Found>>);

#[derive(Debug)]
struct Found {
    at: Instant,
    text: String,
}

/// What a look reads.
struct Look {
    freshness: Vec<Freshness>,
    pipelines: Vec<PipelineGauges>,
    rejects: Vec<TableRejects>,
    /// Unread files of tables that are made of files.
    unread: BTreeMap<TableId, i64>,
    size: StateSize,
}

impl Shared {
    /// The values of the last look; empty if it is too old or failed.
    pub(super) fn text(&self) -> String {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = found.as_ref();
        let found = found.filter(|found| found.at.elapsed() <= LONGEST_AGE);

        found.map(|found| found.text.clone()).unwrap_or_default()
    }

    /// Looks again and again.
    pub(super) async fn watch(&self, app: &App) {
        let mut is_fault_logged = false;
        let mut pauses = Pauses::default();
        loop {
            let began = Instant::now();
            let app = app.at_present();
            recorder::begin_counters(&app);
            let looked = match Look::read(&app).await {
                Ok(look) => look.written(&pauses.of(&app)),
                Err(error) => Err(error),
            };
            if let Err(error) = &looked
                && !is_fault_logged
            {
                let cause = causes(error);
                tracing::warn!(%error, cause, "metrics of the state database are left out");
            }
            is_fault_logged = looked.is_err();
            let found = looked.ok().map(|text| Found { at: began, text });
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = found;
            tokio::time::sleep(LOOK_INTERVAL.max(began.elapsed() * PAUSE_FACTOR)).await;
        }
    }
}

/// The longest pauses of schedules, by their texts. Finding one takes milliseconds, so it is kept.
#[derive(Default)]
struct Pauses(HashMap<String, Option<Duration>>);

impl Pauses {
    /// By pipeline.
    fn of(&mut self, app: &App) -> BTreeMap<String, Duration> {
        let mut found = BTreeMap::new();
        for definition in app.pipelines.usable() {
            let Some(schedule) = &definition.schedule else {
                continue;
            };
            let known = self.0.entry(schedule.text.clone());
            let pause = known.or_insert_with(|| schedule.longest_pause());
            found.extend(pause.map(|pause| (definition.name.clone(), pause)));
        }

        found
    }
}

impl Look {
    async fn read(app: &App) -> Result<Self> {
        let store = &app.store;
        let definitions: Vec<_> = app.pipelines.usable().collect();
        let names: Vec<&str> = definitions.iter().map(|one| one.name.as_str()).collect();
        let subjects: Vec<Subject<'_>> = definitions
            .iter()
            .flat_map(|definition| Subject::all(definition))
            .collect();
        let tables: Vec<&TableId> = definitions
            .iter()
            .flat_map(|definition| TrackedTable::all(definition))
            .map(|of| &of.table.id)
            .collect();
        let of_files: Vec<&TableId> = definitions
            .iter()
            .flat_map(|definition| TrackedTable::all(definition))
            .filter(|of| of.table.files.is_some())
            .map(|of| &of.table.id)
            .collect();
        let unread = if of_files.is_empty() {
            BTreeMap::new()
        } else {
            let held = store.holding_files(&of_files).await?.into_iter();
            held.map(|(table, files)| (table, files.count)).collect()
        };
        // The clock of the state database, so that all services tell the same.
        let now = store.now().await?;

        Ok(Self {
            pipelines: store.pipeline_gauges(&names).await?,
            rejects: store.open_rejects(&tables).await?,
            unread,
            size: store.size().await?,
            // Last, so that it has what the runs above left.
            freshness: report::present_freshness(app, &subjects, now).await?,
        })
    }

    /// As text, by a recorder of its own: what is not known any more is absent. `pauses` are those of schedules, by pipeline.
    fn written(&self, pauses: &BTreeMap<String, Duration>) -> Result<String> {
        let recorder = recorder::recorder().map_err(Error::internal)?;
        metrics::with_local_recorder(&recorder, || {
            recorder::describe();
            self.note();
            for (pipeline, pause) in pauses {
                gauge!("icefront_run_schedule_interval_seconds", "pipeline" => pipeline.clone())
                    .set(pause.as_secs_f64());
            }
        });

        Ok(recorder.handle().render())
    }

    fn note(&self) {
        for freshness in &self.freshness {
            note_freshness(freshness);
        }
        for pipeline in &self.pipelines {
            note_pipeline(pipeline);
        }
        for TableRejects {
            pipeline,
            name,
            rejects,
        } in &self.rejects
        {
            let table = TableId::new(pipeline, name).to_string();
            gauge!("icefront_rejects_open", "pipeline" => pipeline.clone(), "table" => table)
                .set(float(*rejects));
        }
        for (table, count) in &self.unread {
            gauge!("icefront_files_unread", "pipeline" => table.pipeline.clone(), "table" => table.to_string())
                .set(float(*count));
        }
        self.note_size();
    }

    fn note_size(&self) {
        gauge!("icefront_state_size_bytes").set(float(self.size.bytes));
        for table in &self.size.tables {
            let labels = [("table", table.name.clone())];
            gauge!("icefront_state_table_size_bytes", &labels).set(float(table.bytes));
            if let Some(rows) = table.rows {
                gauge!("icefront_state_table_rows", &labels).set(rows);
            }
        }
    }
}

fn note_freshness(freshness: &Freshness) {
    let (kind, name) = match (&freshness.table, &freshness.model) {
        (Some(table), _) => ("table", table),
        (None, Some(model)) => ("model", model),
        (None, None) => return,
    };
    let labels = [
        ("pipeline", freshness.pipeline.clone()),
        ("kind", kind.to_owned()),
        ("name", name.clone()),
    ];
    if let Some(covered_until) = freshness.covered_until {
        gauge!(
            "icefront_freshness_covered_until_timestamp_seconds",
            &labels
        )
        .set(seconds(covered_until));
    }
    let status = match freshness.status {
        Status::Pass => Some(0.0),
        Status::Warn => Some(1.0),
        Status::Error => Some(2.0),
        Status::Unknown => None,
    };
    if let Some(status) = status {
        gauge!("icefront_freshness_status", &labels).set(status);
    }
    let limit = |seconds: u64| Duration::from_secs(seconds).as_secs_f64();
    let warn_after = freshness.warn_after_seconds;
    if let Some(after) = warn_after.or(freshness.target_lag_seconds) {
        gauge!("icefront_freshness_warn_after_seconds", &labels).set(limit(after));
    }
    if let Some(after) = freshness.error_after_seconds {
        gauge!("icefront_freshness_error_after_seconds", &labels).set(limit(after));
    }
}

fn note_pipeline(pipeline: &PipelineGauges) {
    let labels = [("pipeline", pipeline.pipeline.clone())];
    let flag = |is_set: bool| f64::from(u8::from(is_set));
    gauge!("icefront_runs_active", &labels).set(float(pipeline.active));
    gauge!("icefront_runs_queued", &labels).set(float(pipeline.queued));
    gauge!("icefront_pipeline_paused", &labels).set(flag(pipeline.is_paused));
    if let Some(at) = pipeline.last_success_at {
        gauge!("icefront_run_last_success_timestamp_seconds", &labels).set(seconds(at));
    }
    if let Some(at) = pipeline.covered_until {
        gauge!("icefront_source_covered_until_timestamp_seconds", &labels).set(seconds(at));
        gauge!("icefront_source_blocked", &labels).set(flag(pipeline.is_blocked));
    }
}

fn seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus has only floating-point numbers"
)]
fn float(count: i64) -> f64 {
    count as f64
}
