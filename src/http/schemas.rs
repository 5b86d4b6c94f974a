//! `/v1/schemas/{schema}`: the JSON Schemas of the files that users write.

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::read::Path;
use crate::error::{Error, Problem, Result};
use crate::pipeline;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct SchemaPath {
    /// The name of the schema: `pipeline.json` is that of `pipeline.yaml`, and `models.json` that of the YAML files in `models/`.
    #[param(example = "pipeline.json")]
    schema: String,
}

/// Get the JSON Schema of a file that you write; editors complete and check the file with it.
#[utoipa::path(
    get, path = "/v1/schemas/{schema}", tag = "service",
    params(SchemaPath),
    responses(
        (status = OK, description = "The JSON Schema, in draft 2020-12", body = Object, content_type = "application/schema+json"),
        Problem,
    ),
)]
pub(super) async fn get_schema(Path(SchemaPath { schema }): Path<SchemaPath>) -> Result<Response> {
    let document: Value = match schema.as_str() {
        "pipeline.json" => pipeline::schema(),
        "models.json" => icefront_project::schema(),
        other => {
            return Err(Error::not_found(
                "schema",
                other,
                ["pipeline.json", "models.json"],
            ));
        }
    };
    let kind = [(header::CONTENT_TYPE, "application/schema+json")];

    Ok((kind, Json(document)).into_response())
}
