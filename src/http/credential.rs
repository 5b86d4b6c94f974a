//! The credential of a call, and the answer to a call without a right one.

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::error::{Error, Result};

/// A page is not offered `Basic`: its browser would keep the password, and send it with calls of other pages.
pub(super) fn refused(error: Error, is_page: bool) -> Response {
    let is_unauthenticated = matches!(error, Error::Unauthenticated { .. });
    let mut answer = error.into_response();
    if is_unauthenticated {
        let headers = answer.headers_mut();
        let offer = |text| header::HeaderValue::from_static(text);
        headers.append(header::WWW_AUTHENTICATE, offer("Bearer realm=\"icefront\""));
        if !is_page {
            headers.append(
                header::WWW_AUTHENTICATE,
                offer("Basic realm=\"icefront\", charset=\"UTF-8\""),
            );
        }
    }

    answer
}

/// The credential of a call: a bearer token, or the password of `Basic`.
pub(super) fn credential(headers: &HeaderMap) -> Result<Option<String>> {
    let refused = |detail: &str| Error::Unauthenticated {
        detail: detail.to_owned(),
    };
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = given.next() else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let Some((scheme, text)) = text.split_once(' ').filter(|_| given.next().is_none()) else {
        return Err(refused("send one `Authorization` header, as `Bearer …`"));
    };
    let text = text.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(text.to_owned()));
    }
    let password = BASE64_STANDARD
        .decode(text)
        .ok()
        .filter(|_| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|text| String::from_utf8(text).ok())
        .and_then(|text| {
            text.split_once(':')
                .map(|(_, password)| password.to_owned())
        });

    password.map(Some).ok_or_else(|| {
        refused("the `Authorization` header is neither `Bearer …` nor `Basic …` with the key as password")
    })
}
