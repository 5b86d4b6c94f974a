//! `/v1/pipelines/validate`, `/v1/pipelines/{pipeline}/validate` and `/unit_tests`: whether a pipeline is right, before anything runs.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::Granted;
use super::caller_places::CallerPlace;
use super::pipelines::PipelinePath;
use super::read::{Body, Empty, Path, is_yaml, whole_body};
use crate::error::{Error, Problem, Result};
use crate::models::UnitTestResult;
use crate::report::{self, DefinitionCheck, Validation};
use crate::state::Status;

/// The files of a pipeline.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"files": {
    "pipeline.yaml": "pipeline: shop\nsource: {kind: postgres_audit_log, connection: shop}\ntables:\n  orders: {from: public.orders, key: [order_id]}\n",
    "models/large_orders.sql": "select * from {{ ref('orders') }} where order_sum > 100",
}}))]
pub(super) struct DefinitionFiles {
    /// The text of each file, by its path below the folder of the pipeline; at most 1,000 files. Files that no pipeline has are
    /// ignored.
    files: BTreeMap<String, String>,
}

/// Check a definition that is not on the service yet: its `pipeline.yaml`, and its models if they are in the body.
///
/// The call changes nothing and asks no server. It finds at once: one fault of shape in each table and one outside of the tables, then
/// everything that does not fit together, then the faults of models. Models are read if the fields outside of `tables` have no fault of
/// shape. Send `pipeline.yaml` alone as `application/yaml`, or all files as JSON.
#[utoipa::path(
    post, path = "/v1/pipelines/validate", tag = "pipelines",
    request_body(
        description = "The files of the pipeline, or `pipeline.yaml` alone",
        content(
            (DefinitionFiles = "application/json"),
            (String = "application/yaml", example = json!("pipeline: shop\nsource: {kind: postgres_audit_log, connection: shop}\ntables:\n  orders: {from: public.orders, key: [order_id]}\n")),
        ),
    ),
    responses((status = OK, description = "What is wrong with it", body = DefinitionCheck), Problem),
)]
pub(super) async fn validate_definition(
    Granted(app): Granted,
    Extension(_place): Extension<CallerPlace>,
    DefinitionBody(DefinitionFiles { files }): DefinitionBody,
) -> Result<Json<DefinitionCheck>> {
    Ok(Json(report::check_definition(&app, files).await?))
}

/// The files, as JSON or as the YAML of `pipeline.yaml` alone.
pub(super) struct DefinitionBody(DefinitionFiles);

impl<S: Send + Sync> FromRequest<S> for DefinitionBody {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        if !is_yaml(request.headers()) {
            let Body(files) = Body::<DefinitionFiles>::from_request(request, state).await?;
            if files.files.is_empty() {
                let missing = "the body has no files; send `pipeline.yaml` as `application/yaml`, or `{\"files\": {\"pipeline.yaml\": …}}`";
                return Err(Error::Malformed(missing.into()));
            }
            return Ok(Self(files));
        }
        let bytes = whole_body(request, state).await?;
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|_| Error::Malformed("the body is not UTF-8".into()))?;

        Ok(Self(DefinitionFiles {
            files: BTreeMap::from([("pipeline.yaml".to_owned(), text)]),
        }))
    }
}

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
    Granted(app): Granted,
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
    Granted(app): Granted,
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
