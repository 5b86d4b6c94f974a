//! `Idempotency-Key`: a caller's own name for a call. Calls with the same name start one run.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses};

use super::answer::Accepted;
use super::runs::Run;
use crate::error::Error;
use crate::state;

const HEADER: &str = "Idempotency-Key";
const REPLAYED: &str = "idempotency-replayed";
const LONGEST: usize = 1024;

#[derive(Debug)]
pub(super) struct IdempotencyKey(pub(super) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let mut given = parts.headers.get_all(HEADER).iter();
        let Some(first) = given.next() else {
            return Ok(Self(None));
        };
        let text = first.to_str().unwrap_or_default();
        let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_visible || !(1..=LONGEST).contains(&text.len()) || given.next().is_some() {
            return Err(Error::Invalid {
                field: HEADER.into(),
                detail: format!(
                    "`{HEADER}` must be given once, with 1 to {LONGEST} visible ASCII characters and no blanks, such as `shop-2026-01-01T12:00`"
                ),
            });
        }

        Ok(Self(Some(text.to_owned())))
    }
}

/// Puts the header into the document.
impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(LONGEST))
            .pattern(Some(r"^[!-~]+$"));
        let described = "The caller's own name for this call. A later call with the same key and body is answered with the same run, for 7 days or the setting `runs.keep_keys`";

        vec![
            ParameterBuilder::new()
                .name(HEADER)
                .parameter_in(ParameterIn::Header)
                .description(Some(described))
                .schema(Some(text))
                .example(Some("shop-2026-01-01T12:00".into()))
                .build(),
        ]
    }
}

/// Answers a call with its run: `202` while the run is active, `200` when it has ended, well or not.
pub(super) fn accepted(accepted: state::AcceptedRun) -> Response {
    let state::AcceptedRun { run, is_replay } = accepted;
    let location = format!("/v1/runs/{}", run.id);
    let is_over = run.state.is_terminal();
    let body = Run::from(run);
    if is_over {
        replayed((StatusCode::OK, Json(body)), is_replay)
    } else {
        replayed(Accepted::at(location, body), is_replay)
    }
}

/// The answers of a call that starts a run, for the document.
pub(super) struct StartedRun;

impl IntoResponses for StartedRun {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let run = |description: &str| {
            let schema = Some(Ref::from_schema_name("Run"));
            let content = ContentBuilder::new().schema(schema).build();
            let response = ResponseBuilder::new()
                .description(description)
                .content("application/json", content);
            RefOr::T(response.build())
        };
        let queued = run("The run is queued; ask at `Location`");
        let ended = run("The run that this key started before has ended");

        [("202", queued), ("200", ended)]
            .map(|(status, response)| (status.to_owned(), response))
            .into()
    }
}

/// Marks the answer to a key that was used before.
pub(super) fn replayed(answer: impl IntoResponse, is_replay: bool) -> Response {
    let mut answer = answer.into_response();
    if is_replay {
        let headers = answer.headers_mut();
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }

    answer
}
