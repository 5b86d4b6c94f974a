//! How a model is refreshed, and whether Trino takes its SQL.

use std::collections::BTreeSet;
use std::sync::Mutex;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::app::App;
use crate::error::{Error, Result};
use crate::models::{
    self, ColumnLineage, Explanation, PlannedRefresh, Refreshing, Snapshots, UnitTestResult,
};
use crate::pipeline::{Definition, Names, PipelineModel};
use crate::publish::{Planned, PlannedStatement, Publisher};
use crate::sql::{TableName, render};
use crate::state::AttemptId;

/// Explains how a model is refreshed. Changes nothing.
pub async fn explain_model(app: &App, of: PipelineModel<'_>) -> Result<Explanation> {
    look(app, of, async |model| models::explain(model).await).await
}

/// Finds out where the columns of a model come from. `None` if its query is not understood to the last word.
pub async fn column_lineage(app: &App, of: PipelineModel<'_>) -> Result<Option<ColumnLineage>> {
    look(app, of, async |model| models::column_lineage(model).await).await
}

/// What the next run would do to a model beside the changes of its inputs.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct PlannedModel {
    /// The model's name in the API.
    #[schema(example = "shop.daily_revenue")]
    pub model: String,
    /// Why its table or view is made anew.
    #[schema(example = "its SQL changed")]
    pub rebuild_detail: Option<String>,
    /// The rows that it has now, as refreshes counted them.
    pub rows: Option<i64>,
    /// Why it would be refused by now, and what to do.
    pub refusal_detail: Option<String>,
    /// With `sql=true`, the statements that its refresh would send to Trino, without those of its tests; `null` without it. Empty
    /// if nothing that it reads changes, and where `refusal_detail` says why they are not known.
    pub statements: Option<Vec<PlannedStatement>>,
}

/// Says what the next run would do to a model. Changes nothing. `expected` are the tables that the run changes before, if
/// statements are asked for; the model's own comes to them if it changes.
pub(super) async fn plan_model(
    app: &App,
    of: PipelineModel<'_>,
    expected: Option<&mut BTreeSet<TableName>>,
) -> Result<PlannedModel> {
    let state = app.store.model(&of.id()).await?;
    let mut planned = PlannedModel {
        model: of.id().to_string(),
        rebuild_detail: None,
        rows: state.rows,
        refusal_detail: None,
        statements: expected.is_some().then(Vec::new),
    };
    let looked = match expected.filter(|_| !state.is_suspended) {
        None => look(app, of, async |model| models::whole_because(model).await)
            .await
            .map(|rebuild| planned.rebuild_detail = rebuild),
        Some(expected) => look(app, of, async |model| {
            models::planned(model, &*expected).await
        })
        .await
        .map(|refresh| planned.add(refresh, &of.model.name, expected)),
    };
    match looked {
        Ok(()) => {}
        Err(Error::ModelBroken { detail, .. }) => planned.refusal_detail = Some(detail),
        Err(error @ Error::TrinoUnavailable(_)) => planned.refusal_detail = Some(error.to_string()),
        Err(error) => return Err(error),
    }

    Ok(planned)
}

impl PlannedModel {
    fn add(&mut self, refresh: PlannedRefresh, name: &str, expected: &mut BTreeSet<TableName>) {
        if !refresh.statements.is_empty() {
            expected.insert(refresh.table);
        }
        self.rebuild_detail = refresh.rebuild;
        self.statements = Some(Planned::all_at(
            refresh.statements,
            &format!("model.{name}"),
        ));
    }
}

/// Runs the unit tests of a pipeline, or of one model, in Trino and without a table.
pub async fn unit_tests(
    app: &App,
    definition: &Definition,
    only: Option<&str>,
) -> Result<Vec<UnitTestResult>> {
    let mut results = Vec::new();
    let tests = definition.models.unit_tests.iter();
    for test in tests.filter(|test| only.is_none_or(|only| test.model == only)) {
        let of = definition.model(&test.model)?;
        let result = look(app, of, async |model| models::unit_test(model, test).await).await?;
        results.push(result);
    }

    Ok(results)
}

/// Looks at a model as a refresh would see it.
async fn look<T>(
    app: &App,
    of: PipelineModel<'_>,
    look: impl AsyncFnOnce(Refreshing<'_>) -> Result<T>,
) -> Result<T> {
    let permits = Semaphore::new(1);
    let (files, progress) = (Mutex::default(), Mutex::default());
    let names = Names::new(of.definition, &app.config);
    let snapshots = Snapshots::default();

    look(Refreshing {
        definition: of.definition,
        names: &names,
        model: of.model,
        publisher: Publisher {
            trino: &app.trino,
            store: &app.store,
            // Nothing is written, so there is no attempt of a run.
            attempt: AttemptId {
                run: Uuid::nil(),
                number: 0,
            },
            pipeline: &of.definition.name,
            step: "look",
            permits: &permits,
            files: &files,
            progress: &progress,
        },
        analyses: &app.analyses,
        snapshots: &snapshots,
        as_of: Timestamp::now(),
        is_full: false,
    })
    .await
}

/// What Trino says about the SQL of a model.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "model": "shop.daily_revenue", "file": "models/daily_revenue.sql", "valid": false, "line": 3, "line_column": 8,
    "rendered_line": 2, "detail": "Column 'revenu' cannot be resolved",
}))]
pub struct Validation {
    /// The model's name in the API.
    pub model: String,
    /// The file below the pipeline's folder.
    pub file: String,
    /// Whether Trino takes the SQL.
    pub valid: bool,
    /// The line of the fault in the file. `null` if Jinja made the line.
    pub line: Option<usize>,
    /// The column in that line.
    pub line_column: Option<usize>,
    /// The line of the fault in the rendered SQL.
    pub rendered_line: Option<usize>,
    /// What Trino says.
    pub detail: Option<String>,
}

/// The context of `models/validate.sql`.
#[derive(Serialize)]
struct ValidateContext<'a> {
    sql: &'a str,
}

/// The context of `models/validate_key.sql`.
#[derive(Serialize)]
struct ValidateKeyContext<'a> {
    sql: &'a str,
    key: &'a [String],
}

/// Asks Trino whether it takes the SQL of each model, and finds the columns of its unique key. Runs none of it.
pub async fn validate(app: &App, definition: &Definition) -> Result<Vec<Validation>> {
    let mut validations = Vec::new();
    for model in &definition.models.models {
        let of = PipelineModel { definition, model };
        let mut validation = Validation {
            model: of.id().to_string(),
            file: model.file.clone(),
            valid: true,
            line: None,
            line_column: None,
            rendered_line: None,
            detail: None,
        };
        validation.check_reads(app, of).await?;
        if !validation.valid {
            // Trino's message may name columns of what the query may not read.
            validations.push(validation);
            continue;
        }
        let sql = render("models/validate.sql", ValidateContext { sql: &model.sql })?;
        match app.trino.query("icefront/validate", &sql).await {
            Ok(_) => validation.check_key(app, model).await?,
            Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => {
                let before = sql.find(&model.sql);
                let before = before.map_or(0, |at| sql[..at].lines().count());
                validation.valid = false;
                validation.locate(&failure.message, before, model);
            }
            Err(error) => return Err(error),
        }
        validations.push(validation);
    }

    Ok(validations)
}

/// A place in a text, and what is said about it.
struct Placed<'a> {
    line: usize,
    column: usize,
    text: &'a str,
}

impl<'a> Placed<'a> {
    /// Reads a message that begins with `line 3:8: `.
    fn parse(message: &'a str) -> Option<Self> {
        let (place, text) = message.strip_prefix("line ")?.split_once(": ")?;
        let (line, column) = place.split_once(':')?;

        Some(Self {
            line: line.parse().ok()?,
            column: column.parse().ok()?,
            text,
        })
    }
}

impl Validation {
    /// Finds a column of the unique key that the query does not give. Trino takes the query itself.
    async fn check_key(&mut self, app: &App, model: &icefront_project::Model) -> Result<()> {
        let key = &model.config.unique_key;
        if key.is_empty() {
            return Ok(());
        }
        let context = ValidateKeyContext {
            sql: &model.sql,
            key,
        };
        let sql = render("models/validate_key.sql", context)?;
        match app.trino.query("icefront/validate", &sql).await {
            Ok(_) => Ok(()),
            Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => {
                self.valid = false;
                self.detail = Some(format!(
                    "its `unique_key` names a column that the query does not give: {}",
                    failure.message
                ));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Finds a schema that the query reads and the settings do not allow.
    async fn check_reads(&mut self, app: &App, of: PipelineModel<'_>) -> Result<()> {
        let sql = &of.model.sql;
        let refusal = look(app, of, async |model| {
            model.publisher.refusal_to_read(of.definition, sql).await
        });
        match refusal.await {
            Ok(None) => {}
            // Trino does not take the query. Asked for its validity, it says where.
            Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => {}
            Ok(refusal) => {
                self.valid = false;
                self.detail = refusal;
            }
            Err(error) => return Err(error),
        }

        Ok(())
    }

    /// Takes the place of a fault from Trino's message. The statement has `before` lines before the model's.
    fn locate(&mut self, message: &str, before: usize, model: &icefront_project::Model) {
        let Some(placed) = Placed::parse(message) else {
            self.detail = Some(message.to_owned());
            return;
        };
        self.detail = Some(placed.text.to_owned());
        let rendered = placed.line.saturating_sub(before);
        self.rendered_line = Some(rendered);
        let text = model.sql.lines().nth(rendered.saturating_sub(1));
        let mut same = model
            .source
            .lines()
            .zip(1..)
            .filter(|(line, _)| Some(*line) == text);
        // A line that is there twice, or that Jinja made, has no certain place.
        if let (Some((_, line)), None) = (same.next(), same.next()) {
            self.line = Some(line);
            self.line_column = Some(placed.column);
        }
    }
}
