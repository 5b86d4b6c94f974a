//! `Idempotency-Key`: a caller's own name for a call, under which it is done once, however often it is sent.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::answer::Accepted;
use super::runs::Run;
use crate::error::Error;
use crate::state;

const HEADER: &str = "Idempotency-Key";
const REPLAYED: &str = "idempotency-replayed";
const LONGEST: usize = 1024;

/// The key of a call, if it has one.
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
                    "`{HEADER}` must be given once, as 1 to {LONGEST} visible ASCII characters without blanks, such as `shop-2026-01-01T12:00`"
                ),
            });
        }

        Ok(Self(Some(text.to_owned())))
    }
}

/// How the document tells of the header.
impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(LONGEST))
            .pattern(Some(r"^[!-~]+$"));
        let described = "The caller's own name for this call: sent again with the same body, within 7 days or what `runs.keep_keys` says, it is answered with the run that it came to";

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

/// Answers the run that a call came to: `202` with its place; `200` where it is over, well or not.
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

/// Says in an answer whether its key had come before.
pub(super) fn replayed(answer: impl IntoResponse, is_replay: bool) -> Response {
    let mut answer = answer.into_response();
    if is_replay {
        let headers = answer.headers_mut();
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }

    answer
}
