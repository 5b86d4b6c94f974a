//! Reads paths, queries and bodies; every fault is a problem that names the field.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use std::time::Duration;
use tokio::time::error::Elapsed;

use crate::error::{Error, with_nearest};

/// The longest wait of a call: proxies close a connection that is silent for a minute.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(55);

/// The body of a call that takes a few names, in bytes.
const SMALL: usize = 64 << 10;

/// The values in the path.
#[derive(Debug)]
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(path)| Self(path))
            .map_err(|fault| Error::Malformed(format!("the path cannot be read: {fault}")))
    }
}

/// The parameters of the query; an unknown one is a fault.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let query = parts.uri.query().unwrap_or_default();
        let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));

        serde_path_to_error::deserialize(reader)
            .map(Self)
            .map_err(|fault| invalid(&fault.path().to_string(), &fault.inner().to_string()))
    }
}

/// A JSON body. An empty body and `null` are the default, with or without a content type, because some clients send them.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let content_type = content_type(request.headers());
        let body = whole_body(request, state).await?;
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(T::default()));
        }
        if let Some(other) = content_type.filter(|kind| !is_json(kind)) {
            return Err(Error::UnsupportedMediaType(other));
        }

        parse(&body).map(Self)
    }
}

fn parse<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Error> {
    // Serde would take a list's values as the fields in the order of the code.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(invalid("body", "it is a list; send an object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value: Option<T> = serde_path_to_error::deserialize(&mut reader).map_err(|fault| {
        let inner = fault.inner();
        if inner.is_data() {
            invalid(&fault.path().to_string(), &inner.to_string())
        } else {
            Error::Malformed(format!("the body is not JSON: {inner}"))
        }
    })?;
    reader
        .end()
        .map_err(|fault| Error::Malformed(format!("the body is not JSON: {fault}")))?;

    Ok(value.unwrap_or_default())
}

/// The limit for a body: a call may hold places that others wait for.
const BODY_LIMIT: Duration = Duration::from_secs(30);

/// The bytes of a body, up to the limit of the settings.
pub(super) async fn whole_body<S: Send + Sync>(
    request: Request,
    state: &S,
) -> Result<Bytes, Error> {
    let body = tokio::time::timeout(BODY_LIMIT, Bytes::from_request(request, state)).await;

    body.map_err(late)?
        .map_err(|fault| match fault.status().as_u16() {
            413 => Error::BodyTooLarge,
            _ => Error::Malformed(format!("the body cannot be read: {fault}")),
        })
}

/// Reads the body of a call that takes a few names.
pub(super) async fn small_body(body: axum::body::Body) -> Result<axum::body::Body, Error> {
    let read = axum::body::to_bytes(body, SMALL);
    let read = tokio::time::timeout(BODY_LIMIT, read).await;

    read.map_err(late)?
        .map(axum::body::Body::from)
        .map_err(|fault| {
            let is_long = fault.into_inner().is::<http_body_util::LengthLimitError>();
            if is_long {
                Error::BodyTooLarge
            } else {
                Error::Malformed("the body cannot be read".into())
            }
        })
}

fn late(_: Elapsed) -> Error {
    Error::Malformed("the body did not come within 30 s; send it at once".into())
}

pub(super) fn is_yaml(headers: &HeaderMap) -> bool {
    let kind = content_type(headers)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();

    ["application/yaml", "application/x-yaml", "text/yaml"].contains(&kind)
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?;

    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();

    kind.eq_ignore_ascii_case("application/json") || kind.to_ascii_lowercase().ends_with("+json")
}

/// For calls without parameters or without a body: any field is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Empty {}

/// A fault in a field, with the nearest right name of an unknown field or word.
fn invalid(path: &str, fault: &str) -> Error {
    let unknown = fault.split('`').nth(1);
    let field = match unknown {
        Some(name) if fault.contains("unknown field") || path == "." => name,
        _ => path,
    };

    Error::Invalid {
        field: field.to_owned(),
        detail: format!("`{field}`: {}", with_nearest(fault)),
    }
}

/// Reads a waiting time: whole seconds, at most [`LONGEST_WAIT`].
pub(super) fn wait(text: &str) -> Result<Duration, Error> {
    let fault = || Error::Invalid {
        field: "wait".into(),
        detail: format!("`wait` is `{text}`; write whole seconds of at most `55s`, such as `30s`"),
    };

    text.strip_suffix('s')
        .filter(|seconds| seconds.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|seconds| seconds.parse().ok())
        .map(Duration::from_secs)
        .filter(|wait| *wait <= LONGEST_WAIT)
        .ok_or_else(fault)
}

/// Reads the RFC 3339 time of a parameter, up to its microseconds.
pub(super) fn moment(name: &str, text: &str) -> Result<Timestamp, Error> {
    instant(text).map_err(|fault| Error::Invalid {
        field: name.into(),
        detail: format!("`{name}`: {fault}"),
    })
}

/// The values of a filter, separated by commas: one of them must fit.
#[derive(Debug, Clone)]
pub(super) struct AnyOf<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AnyOf<T> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = String::deserialize(reader)?;

        text.split(',')
            .map(|word| T::deserialize(word.to_owned().into_deserializer()))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Postgres cannot store NUL. Nothing has a name with NUL, so nothing has the replaced one either.
pub(super) fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The number of an id that is one; an id that is none belongs to nothing.
pub(super) fn number_of_id(id: &str) -> i64 {
    id.parse().unwrap_or(-1)
}

/// The values of a filter, if it is given.
pub(super) fn any<T>(filter: Option<AnyOf<T>>) -> Option<Vec<T>> {
    filter.map(|AnyOf(values)| values)
}

/// Tells a field that is `null` from one that is not there.
#[expect(clippy::option_option, reason = "that is what it is for")]
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    reader: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(reader).map(Some)
}

/// As [`moment`], for a field of a struct.
pub(super) fn time<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(reader)?;

    instant(&text).map(Some).map_err(D::Error::custom)
}

/// A time beyond the last representable one, such as on the last day of 9999, becomes that one.
fn instant(text: &str) -> Result<Timestamp, String> {
    let has_no_sign = text.starts_with(|first: char| first.is_ascii_digit());
    let is_beyond = || {
        let last = Timestamp::MAX.to_zoned(TimeZone::UTC).date();
        Pieces::parse(text).is_ok_and(|time| time.offset().is_some() && time.date() >= last)
    };

    match text.parse::<Timestamp>() {
        Ok(time) if has_no_sign => {
            Ok(Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time))
        }
        Err(_) if is_beyond() => Ok(Timestamp::MAX),
        _ => Err(format!(
            "`{text}` is not a time; write one such as `2026-01-31T12:00:00Z`"
        )),
    }
}
