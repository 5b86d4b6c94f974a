//! Refuses parameters of the query that the OpenAPI document does not name: a misspelt filter must not give the whole list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

use crate::error::{Error, did_you_mean};

/// The names of each operation's parameters, by path and method.
#[derive(Debug, Clone)]
pub(super) struct Parameters(Arc<BTreeMap<(String, Method), BTreeSet<String>>>);

impl Parameters {
    pub(super) fn of(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter();
        let operations = paths.flat_map(|(path, item)| {
            let of_methods = operations(item).into_iter();
            of_methods.map(|(method, operation)| ((path.clone(), method), names(operation)))
        });

        Self(Arc::new(operations.collect()))
    }
}

pub(super) fn operations(item: &PathItem) -> Vec<(Method, &Operation)> {
    let all = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::DELETE, &item.delete),
    ];

    all.into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
        .collect()
}

/// An object whose fields are parameters of their own, such as `key.order_id`.
fn object(name: &str) -> String {
    format!("{name}.<column>")
}

fn names(operation: &Operation) -> BTreeSet<String> {
    let parameters = operation.parameters.iter().flatten();

    parameters
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
        .filter(|parameter| matches!(parameter.parameter_in, ParameterIn::Query))
        .map(|parameter| match parameter.explode {
            Some(true) => object(&parameter.name),
            _ => parameter.name.clone(),
        })
        .collect()
}

pub(super) async fn refuse_unknown(
    State(known): State<Parameters>,
    request: Request,
    next: Next,
) -> Response {
    match unknown(&known, &request) {
        Some(error) => error.into_response(),
        None => next.run(request).await,
    }
}

fn unknown(known: &Parameters, request: &Request) -> Option<Error> {
    let query = request.uri().query()?;
    let path = request.extensions().get::<MatchedPath>()?;
    // A probe may add what it likes to `/livez`.
    if !path.as_str().starts_with("/v1/") {
        return None;
    }
    let names = known
        .0
        .get(&(path.as_str().to_owned(), request.method().clone()))?;
    let is_known = |name: &str| {
        let of_object = name.split_once('.').map(|(of, _)| object(of));
        names.contains(name) || of_object.is_some_and(|object| names.contains(&object))
    };
    let (name, _) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| !is_known(name))?;
    let near = did_you_mean(&name, names.iter().map(String::as_str));
    let known: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let known = match known.as_slice() {
        [] => "this call has none".to_owned(),
        known => format!("this call has {}", known.join(", ")),
    };

    Some(Error::Invalid {
        detail: format!("there is no parameter `{name}`{near}; {known}"),
        field: name.into_owned(),
    })
}
