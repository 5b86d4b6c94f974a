//! `/v1/pipelines/{pipeline}/validate` and `/unit_tests`: whether the models of a pipeline are right, before anything runs.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::pipelines::PipelinePath;
use super::read::{Body, Empty, Path};
use crate::app::App;
use crate::error::{Problem, Result};
use crate::models::UnitTestResult;
use crate::report::{self, Validation};
use crate::state::Status;

/// What Trino says about the models of a pipeline.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Validations {
    /// Whether Trino takes all of them.
    valid: bool,
    /// A model comes after the models that it reads.
    models: Vec<Validation>,
}

/// Ask Trino whether it takes the SQL of each model; nothing runs.
///
/// A model that reads a table or a model which was never built is not valid yet.
#[utoipa::path(
    post, path = "/v1/pipelines/{pipeline}/validate", tag = "models",
    params(PipelinePath),
    responses((status = OK, description = "What Trino says", body = Validations), Problem),
)]
pub(super) async fn validate_models(
    State(app): State<App>,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
    Body(Empty {}): Body<Empty>,
) -> Result<Json<Validations>> {
    let definition = app.pipelines.get(&pipeline)?;
    let models = report::validate(&app, definition).await?;

    Ok(Json(Validations {
        valid: models.iter().all(|model| model.valid),
        models,
    }))
}

/// Which unit tests to run.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"model": "shop.daily_revenue"}))]
pub(super) struct RunUnitTests {
    /// Only those of this model, by its name in the API or in the pipeline; by default all.
    model: Option<String>,
}

/// What the unit tests of a pipeline found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UnitTests {
    /// The number of tests that passed.
    passed: usize,
    /// The number of tests that did not.
    failed: usize,
    /// The results.
    tests: Vec<UnitTestResult>,
}

/// Run the unit tests of a pipeline's models: over given rows, in Trino, without a table.
#[utoipa::path(
    post, path = "/v1/pipelines/{pipeline}/unit_tests", tag = "models",
    params(PipelinePath),
    request_body(content = Option<RunUnitTests>, description = "Which tests; by default all"),
    responses((status = OK, description = "What the tests found", body = UnitTests), Problem),
)]
pub(super) async fn run_unit_tests(
    State(app): State<App>,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
    Body(request): Body<RunUnitTests>,
) -> Result<Json<UnitTests>> {
    let definition = app.pipelines.get(&pipeline)?;
    let prefix = format!("{pipeline}.");
    let model = request.model.as_deref();
    let model = model.map(|model| model.strip_prefix(&prefix).unwrap_or(model));
    if let Some(model) = model {
        definition
            .model(model)
            .map_err(|error| error.at_field("model".into()))?;
    }
    let tests = report::unit_tests(&app, definition, model).await?;
    let passed = tests
        .iter()
        .filter(|test| test.status == Status::Pass)
        .count();

    Ok(Json(UnitTests {
        passed,
        failed: tests.len() - passed,
        tests,
    }))
}
