//! The one layer that decides who may do what. See [`super::roles`] for what each operation needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use utoipa::openapi::OpenApi;

use super::audit::{Call, Lines};
use super::caller_places::{CallerPlace, CallerPlaces};
use super::credential::{credential, refused};
use super::objects::Objects;
use super::parameters::operations;
use super::rates::Rates;
use super::read::small_body;
use super::request_id;
use super::roles::{is_of_no_pipeline, needed, role};
use super::turns::{Turn, Turns, asks_trino};
use crate::app::App;
use crate::auth::{Grants, Principal, Role};
use crate::error::{Error, Result};

/// A call that may be answered. It keeps its place and its turn until then.
struct Admitted {
    /// The body, read as a whole for calls that ask Trino.
    body: Body,
    _place: Option<CallerPlace>,
    _turn: Option<Turn>,
}

impl Admitted {
    fn freely(body: Body) -> Self {
        Self {
            body,
            _place: None,
            _turn: None,
        }
    }
}

/// The name of the caller, for the layers that see the answer.
#[derive(Debug, Clone)]
pub(super) struct CalledBy(pub(super) Arc<str>);

/// Decides about the calls of a service.
#[derive(Debug, Clone)]
pub(super) struct Access {
    app: App,
    /// The ids of operations, by path and method.
    operations: Arc<BTreeMap<(String, Method), String>>,
    rates: Arc<Rates>,
    places: Arc<CallerPlaces>,
    turns: Arc<Turns>,
    lines: Lines,
}

/// The service as far as the caller may see it. Nothing but [`check`] gives it to a handler.
#[derive(Debug, Clone)]
pub(super) struct Granted(pub(super) App);

impl FromRequestParts<App> for Granted {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Error> {
        let granted = parts.extensions.get::<Self>().cloned();

        granted.ok_or_else(|| Error::internal("an operation that no role allows"))
    }
}

impl Access {
    pub(super) fn of(app: App, document: &OpenApi, lines: Lines) -> Self {
        let paths = document.paths.paths.iter();
        let all = paths.flat_map(|(path, item)| {
            operations(item)
                .into_iter()
                .filter_map(move |(method, operation)| {
                    Some(((path.clone(), method), operation.operation_id.clone()?))
                })
        });

        let turns = Turns::new(app.store.connections_of_calls());

        Self {
            app,
            operations: Arc::new(all.collect()),
            rates: Arc::default(),
            places: Arc::default(),
            turns: Arc::new(turns),
            lines,
        }
    }

    /// Decides about a call, and gives its handler what the caller may see.
    async fn admit(&self, parts: &mut Parts, body: Body, call: &mut Call) -> Result<Admitted> {
        let Some(path) = parts.extensions.get::<MatchedPath>() else {
            return Ok(Admitted::freely(body));
        };
        // `HEAD` needs the role of `GET`.
        let method = if parts.method == Method::HEAD {
            Method::GET
        } else {
            parts.method.clone()
        };
        let Some(operation) = self.operations.get(&(path.as_str().to_owned(), method)) else {
            let method = parts.method.to_string();
            return Err(Error::MethodNotAllowed { method });
        };
        call.action.clone_from(operation);
        let Some(role) = role(operation) else {
            return Ok(Admitted::freely(body));
        };
        let role = needed(operation, role, parts.uri.query());
        let principal = self.principal(parts, call).await?;
        call.principal.clone_from(&principal.name);
        if let Some(name) = &principal.name {
            request_id::tell_principal(name);
        }
        let place = self.places.call(operation, &principal)?;
        call.role = Some(role);
        let objects = Objects::of(parts).await?;
        self.decide(operation, role, &principal, &objects, call)
            .await?;
        self.rates.check(operation, role, &principal)?;
        // Whoever sends slowly holds no turn.
        let body = if asks_trino(operation) {
            small_body(body).await?
        } else {
            body
        };
        let admitted = Admitted {
            body,
            _place: place,
            _turn: self.turns.take(operation, role, &principal).await?,
        };
        if let Some(long) = self.places.long_call(operation, &principal)? {
            parts.extensions.insert(long);
        }
        // Sensors must not miss an end.
        let share = self.turns.of_state(&principal);
        let share = share.filter(|_| operation != "get_run_outcome");
        let granted = self.app.granted(principal, role).sharing(share);
        parts.extensions.insert(Granted(granted));

        Ok(admitted)
    }

    async fn principal(&self, parts: &Parts, call: &Call) -> Result<Principal> {
        let auth = &self.app.auth;
        let credential = if auth.is_open() {
            None
        } else {
            credential(&parts.headers)?
        };
        let found = auth.principal(credential.as_deref()).await;
        // A call without a credential guesses none.
        if let (Some(_), Err(Error::Unauthenticated { .. })) = (&credential, &found) {
            self.rates.login_failed(call.address)?;
        }

        found
    }

    async fn decide(
        &self,
        operation: &str,
        role: Role,
        principal: &Principal,
        objects: &Objects,
        call: &mut Call,
    ) -> Result<()> {
        let grants = &principal.grants;
        for name in &objects.names {
            let pipeline = name.pipeline();
            call.pipeline = Some(pipeline.to_owned());
            let unknown = || name.unknown(&self.app.granted(principal.clone(), Role::Viewer));
            decide_on(pipeline, role, grants, unknown)?;
        }
        if let Some(run) = objects.run {
            call.run = Some(run);
            if !grants.have_somewhere(role) {
                return Err(forbidden(role, None));
            }
            let pipeline = self.app.store.pipeline_of_run(run).await?;
            call.pipeline.clone_from(&pipeline);
            if let Some(pipeline) = pipeline {
                let unknown = || match operation {
                    "get_run_outcome" => Error::RunUnknown { run },
                    _ => Error::not_found("run", &run.to_string(), []),
                };
                return decide_on(&pipeline, role, grants, unknown);
            }
        }
        let has_role = if is_of_no_pipeline(operation) {
            grants.have_everywhere(role)
        } else {
            grants.have_somewhere(role)
        };

        has_role.then_some(()).ok_or_else(|| forbidden(role, None))
    }
}

/// Refuses a caller who lacks the role on a pipeline. To a caller without any role on it, its objects do not exist.
fn decide_on(
    pipeline: &str,
    role: Role,
    grants: &Grants,
    unknown: impl FnOnce() -> Error,
) -> Result<()> {
    if grants.have(role, pipeline) {
        return Ok(());
    }
    if grants.have(Role::Viewer, pipeline) {
        return Err(forbidden(role, Some(pipeline)));
    }

    Err(unknown())
}

fn forbidden(role: Role, pipeline: Option<&str>) -> Error {
    Error::Forbidden {
        role: role.as_str(),
        pipeline: pipeline.map(str::to_owned),
    }
}

/// Checks each call before its handler, and writes the audit log.
pub(super) async fn check(State(access): State<Access>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut call = Call::of(&parts);
    let admitted = access.admit(&mut parts, body, &mut call).await;
    let is_page = parts
        .headers
        .keys()
        .any(|name| name.as_str().starts_with("sec-fetch-"));
    let mut answer = match admitted {
        Ok(Admitted {
            body,
            _place,
            _turn,
        }) => {
            call.is_admitted = true;
            next.run(Request::from_parts(parts, body)).await
        }
        Err(error) => {
            call.is_told = call.principal.is_some() || access.lines.has_room(call.address);
            refused(error, is_page)
        }
    };
    if let Some(name) = &call.principal {
        answer.extensions_mut().insert(CalledBy(Arc::clone(name)));
    }
    call.answered(&answer);

    answer
}
