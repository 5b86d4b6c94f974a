//! Writes the event that a note stands for.

use std::collections::HashMap;

use icefront_project::Model;
use serde_json::{Value, json};

use super::columns::{self, KnownLineages};
use super::dataset::{Dataset, KnownTables};
use super::facet::{EVENT, Facet, Facets, PRODUCER};
use super::names::{Parent, trino};
use super::places::{Place, Places, description};
use crate::app::App;
use crate::error::Result;
use crate::pipeline::{Definition, Names, PipelineModel, TableId};
use crate::state::{LineageNote, Run, RunOfJob, StepRecord, StepStatement, TestResult, Transition};
use crate::time;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Writes an event of OpenLineage from what is recorded about a run or a step.
///
/// # Errors
///
/// The state database does not answer.
pub(super) async fn write(
    app: &App,
    lineages: &KnownLineages,
    note: &LineageNote,
) -> Result<Value> {
    let run = app.store.run(note.run_id).await?;
    // Without its definition, nobody knows what a step reads; the event says what else is known.
    let definition = app.pipelines.get(&run.pipeline).ok();
    let of_pipeline = RunOfJob::of_pipeline(app, note, &run.pipeline);
    let parent = Parent::of_request(note.parent.as_ref());
    let Some(step) = &note.step else {
        let mut facets = run_facets(note, parent.as_ref());
        if let Some(time) = run.scheduled_for {
            Facet::NOMINAL_TIME.add(&mut facets, json!({"nominalStartTime": time::text(time)}));
        }
        let job = job_facets("PIPELINE");
        return Ok(event(
            note,
            &of_pipeline,
            &facets,
            &job,
            [Vec::new(), Vec::new()],
        ));
    };
    let own = RunOfJob::of_step(app, note, &run.pipeline, step);
    let root = parent.map_or_else(|| of_pipeline.clone(), |parent| parent.root);
    let parent = Parent {
        parent: of_pipeline,
        root,
    };
    let mut facets = run_facets(note, Some(&parent));
    let kind = match step.split_once('.') {
        _ if note.is_of_tests => "TEST".to_owned(),
        Some((kind, _)) => kind.to_uppercase(),
        None => step.to_uppercase(),
    };
    let mut job = job_facets(&kind);
    let Some(definition) = definition else {
        return Ok(event(note, &own, &facets, &job, [Vec::new(), Vec::new()]));
    };
    let told = StepTold::find(app, lineages, note, &run, definition, step).await?;
    told.add_queries(&mut facets);
    told.add_model(&mut job);
    let datasets = told.datasets().await?;

    Ok(event(note, &own, &facets, &job, datasets))
}

fn event(
    note: &LineageNote,
    run: &RunOfJob,
    run_facets: &Facets,
    job_facets: &Facets,
    [inputs, outputs]: [Vec<Value>; 2],
) -> Value {
    json!({
        "eventType": note.transition.as_str(),
        "eventTime": time::text(note.at),
        "producer": PRODUCER,
        "schemaURL": EVENT,
        "run": {"runId": run.run, "facets": run_facets},
        "job": {"namespace": run.namespace, "name": run.job, "facets": job_facets},
        "inputs": inputs,
        "outputs": outputs,
    })
}

fn run_facets(note: &LineageNote, parent: Option<&Parent>) -> Facets {
    let mut facets = Facets::new();
    if let Some(Parent { parent, root }) = parent {
        let above = |of: &RunOfJob| json!({"run": {"runId": of.run}, "job": {"namespace": of.namespace, "name": of.job}});
        let mut members = above(parent);
        members["root"] = above(root);
        Facet::PARENT.add(&mut facets, members);
    }
    let engine =
        json!({"name": "Icefront", "version": VERSION, "openlineageAdapterVersion": VERSION});
    Facet::ENGINE.add(&mut facets, engine);
    if let Some(error) = &note.error {
        let error = json!({"message": error, "programmingLanguage": "Rust"});
        Facet::ERROR.add(&mut facets, error);
    }

    facets
}

fn job_facets(kind: &str) -> Facets {
    let mut facets = Facets::new();
    let kind = json!({"processingType": "BATCH", "integration": "ICEFRONT", "jobType": kind});
    Facet::JOB_TYPE.add(&mut facets, kind);

    facets
}

/// A step, with what is recorded about this attempt of it.
struct StepTold<'a> {
    app: &'a App,
    lineages: &'a KnownLineages,
    note: &'a LineageNote,
    run: &'a Run,
    definition: &'a Definition,
    step: &'a str,
    places: Places<'a>,
    /// Once it has ended.
    record: Option<StepRecord>,
    statements: Vec<StepStatement>,
}

impl<'a> StepTold<'a> {
    async fn find(
        app: &'a App,
        lineages: &'a KnownLineages,
        note: &'a LineageNote,
        run: &'a Run,
        definition: &'a Definition,
        step: &'a str,
    ) -> Result<Self> {
        let has_ended = note.transition != Transition::Start;
        let (run_id, attempt) = (note.run_id, note.attempt);
        let mut places = if note.is_of_tests {
            Places::of_tests(definition, step)
        } else {
            Places::of(definition, step)
        };
        let (mut record, mut statements) = (None, Vec::new());
        if has_ended && !note.is_of_tests {
            record = app.store.step_of_attempt(run_id, step, attempt).await?;
            statements = app.store.statements_of_step(run_id, step, attempt).await?;
            let names = Names::new(definition, &app.config);
            let has_written = |place: &Place<'_>| {
                let table = place.table(&names).as_ref().map(ToString::to_string);
                statements.iter().any(|statement: &StepStatement| {
                    statement.has_committed && Some(&statement.target) == table.as_ref()
                })
            };
            if note.transition != Transition::Complete {
                places.outputs.retain(has_written);
            }
            let has_rejects = places
                .outputs
                .iter()
                .any(|place| matches!(place, Place::Rejects));
            if !has_rejects && has_written(&Place::Rejects) {
                places.outputs.push(Place::Rejects);
            }
        }

        Ok(Self {
            app,
            lineages,
            note,
            run,
            definition,
            step,
            places,
            record,
            statements,
        })
    }

    fn model(&self) -> Option<&'a Model> {
        let name = self.step.strip_prefix("model.")?;

        self.definition.models.model(name)
    }

    /// The ids of the step's statements in Trino. The facet has room for one: that of the last statement.
    fn add_queries(&self, facets: &mut Facets) {
        let Some(last) = self.statements.last() else {
            return;
        };
        let ids = self.statements.iter().map(|statement| &statement.query_id);
        let query = json!({
            "externalQueryId": last.query_id,
            "source": trino(&self.app.config.trino.url),
            "externalQueryIds": ids.collect::<Vec<_>>(),
        });
        Facet::QUERY.add(facets, query);
    }

    /// What a model's author wrote. Statements that the service made may hold values of rows, so they are not sent.
    fn add_model(&self, facets: &mut Facets) {
        let Some(model) = self.model().filter(|_| !self.note.is_of_tests) else {
            return;
        };
        if self.app.config.lineage.sql {
            let query = json!({"query": model.sql, "dialect": "trino"});
            Facet::SQL.add(facets, query);
        }
        if let Some(description) = description(model) {
            Facet::JOB_DOCUMENTATION.add(facets, json!({"description": description}));
        }
    }

    /// The inputs and the outputs.
    async fn datasets(&self) -> Result<[Vec<Value>; 2]> {
        let Places { inputs, outputs } = &self.places;
        let places: Vec<&Place<'_>> = inputs.iter().chain(outputs).collect();
        let mut known = KnownTables::find(self.app, self.definition, &places, self.note.at).await?;
        let written = known.snapshots.clone();
        known.snapshots.extend(self.snapshots_read().await?);
        let mut read = Vec::new();
        for place in inputs {
            if let Some(mut dataset) = known.dataset(place) {
                self.describe_input(place, &mut dataset).await?;
                read.push(dataset.written("inputFacets"));
            }
        }
        // What it writes has no version before its end.
        let has_ended = self.note.transition != Transition::Start;
        known.snapshots = if has_ended { written } else { HashMap::new() };
        let mut made = Vec::new();
        for place in outputs {
            if let Some(mut dataset) = known.dataset(place) {
                self.describe_output(place, &known, &mut dataset).await;
                made.push(dataset.written("outputFacets"));
            }
        }

        Ok([read, made])
    }

    /// The snapshots that the refresh of a model read, by table.
    async fn snapshots_read(&self) -> Result<Vec<(String, String)>> {
        let Some(model) = self.model().filter(|_| self.record.is_some()) else {
            return Ok(Vec::new());
        };
        let id = TableId::new(&self.definition.name, &model.name);
        let reading = self
            .app
            .store
            .reading_of_attempt(self.run.id, self.note.attempt, &id)
            .await?;
        let inputs = reading.map(|reading| reading.inputs).unwrap_or_default();

        Ok(inputs
            .into_iter()
            .filter_map(|(table, read)| Some((table, read.snapshot?)))
            .collect())
    }

    async fn describe_input(&self, place: &Place<'_>, dataset: &mut Dataset) -> Result<()> {
        if self.note.transition == Transition::Start {
            return Ok(());
        }
        let is_test = self.note.is_of_tests || self.step.starts_with("test.");
        let subject = self.step.split_once('.').map(|(_, subject)| subject);
        if is_test && let Some(subject) = subject {
            let id = TableId::new(&self.definition.name, subject);
            let results = self
                .app
                .store
                .tests_of_attempt(self.run.id, self.note.attempt, &id)
                .await?;
            let assertions: Vec<Value> = results.iter().map(assertion).collect();
            Facet::ASSERTIONS.add(&mut dataset.own_facets, json!({"assertions": assertions}));
        }
        if let Place::Source(table) = place
            && self.step == "extract"
            && self.note.transition == Transition::Complete
        {
            let extracted = self
                .app
                .store
                .extracted_events(&self.definition.name, self.run.id)
                .await?;
            let events = extracted.iter().find(|of| of.table == table.source);
            let rows = events.map_or(0, |of| of.events);
            Facet::INPUT_STATISTICS.add(&mut dataset.own_facets, json!({"rowCount": rows}));
        }

        Ok(())
    }

    async fn describe_output(
        &self,
        place: &Place<'_>,
        known: &KnownTables<'_>,
        dataset: &mut Dataset,
    ) {
        if self.note.transition != Transition::Complete {
            return;
        }
        if let Some(statistics) = self.statistics(place) {
            Facet::OUTPUT_STATISTICS.add(&mut dataset.own_facets, statistics);
        }
        if let Some(lineage) = self.column_lineage(place, known).await {
            Facet::COLUMN_LINEAGE.add(&mut dataset.facets, lineage);
        }
    }

    /// What the step wrote, by its own counts.
    fn statistics(&self, place: &Place<'_>) -> Option<Value> {
        let counts = &self.record.as_ref()?.counts;
        let sum = |names: &[&str]| {
            let found: Vec<i64> = names
                .iter()
                .filter_map(|name| counts[*name].as_i64())
                .collect();
            (!found.is_empty()).then(|| found.iter().sum::<i64>())
        };
        let rows = match place {
            Place::Landing => sum(&["events"]),
            Place::TypedLog(_) => sum(&["staged", "replayed"]),
            Place::Rejects => sum(&["rejected"]),
            Place::Current(_) if place.is_view() => None,
            Place::Current(_) => sum(&["inserted", "updated"]),
            Place::History(_) => sum(&[
                "versions_opened",
                "versions_closed",
                "versions_split",
                "versions_changed",
            ]),
            Place::Model(_) => sum(&["model_rows_inserted", "model_rows_updated"]),
            Place::Source(_) | Place::Declared(_) => None,
        };
        let mut statistics = json!({"rowCount": rows?});
        if matches!(place, Place::Landing) {
            statistics["size"] = counts["bytes"].clone();
            statistics["fileCount"] = counts["files"].clone();
        }

        Some(statistics)
    }

    /// Where the columns of an output come from, where that is certain.
    async fn column_lineage(&self, place: &Place<'_>, known: &KnownTables<'_>) -> Option<Value> {
        match place {
            Place::TypedLog(table) => {
                let source = known.name(&Place::Source(table))?;
                let columns = &known.table(place)?.columns;
                Some(columns::from_source(columns, &source))
            }
            Place::Current(table) | Place::History(table) => {
                let log = known.name(&Place::TypedLog(table))?;
                let columns = &known.table(place)?.columns;
                Some(columns::from_log(columns, &log))
            }
            Place::Model(model) => {
                let of = PipelineModel {
                    definition: self.definition,
                    model,
                };
                let columns = known.model(place).map(|state| state.columns.as_slice());
                let lineage = self
                    .lineages
                    .of(self.app, of, columns.unwrap_or_default())
                    .await?;
                Some(columns::of_model(self.app, &lineage))
            }
            Place::Source(_) | Place::Landing | Place::Rejects | Place::Declared(_) => None,
        }
    }
}

/// What a test found.
fn assertion(result: &TestResult) -> Value {
    let mut assertion = json!({
        "assertion": result.name,
        "name": result.name,
        "success": result.status == "pass",
        "severity": result.severity,
        "expected": result.threshold.to_string(),
        "actual": result.failures.to_string(),
    });
    if let Some(column) = &result.column {
        assertion["column"] = json!(column);
    }

    assertion
}
