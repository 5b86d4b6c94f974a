//! The one layer that decides who may do what. See [`super::roles`] for what each operation needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use utoipa::openapi::OpenApi;

use super::at_once::Place;
use super::audit::{Call, Lines};
use super::credential::{credential, refused};
use super::objects::Objects;
use super::parameters::operations;
use super::rates::Rates;
use super::roles::{is_of_no_pipeline, needed, role};
use super::turns::{Turn, Turns};
use crate::app::App;
use crate::auth::{Principal, Role};
use crate::error::{Error, Result};

/// The place and the turn that a call keeps until it is answered.
struct Admitted {
    _place: Option<Place<Option<Arc<str>>>>,
    _turn: Option<Turn>,
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

        Self {
            app,
            operations: Arc::new(all.collect()),
            rates: Arc::default(),
            turns: Arc::default(),
            lines,
        }
    }

    /// Decides about a call, and gives its handler what the caller may see.
    async fn admit(&self, parts: &mut Parts, call: &mut Call) -> Result<Option<Admitted>> {
        let Some(path) = parts.extensions.get::<MatchedPath>() else {
            return Ok(None);
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
            return Ok(None);
        };
        let role = needed(operation, role, parts.uri.query());
        let principal = self.principal(parts, call).await?;
        call.principal.clone_from(&principal.name);
        let place = self.rates.call(operation, &principal)?;
        call.role = Some(role);
        let objects = Objects::of(parts).await?;
        self.decide(operation, role, &principal, &objects, call)
            .await?;
        self.rates.check(operation, role, &principal)?;
        let admitted = Admitted {
            _place: place,
            _turn: self.turns.take(operation, role, &principal).await?,
        };
        if let Some(long) = self.rates.place(operation, &principal)? {
            parts.extensions.insert(long);
        }
        let granted = self.app.granted(principal, role);
        parts.extensions.insert(Granted(granted));

        Ok(Some(admitted))
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
        let forbidden = |pipeline: Option<&str>| Error::Forbidden {
            role: role.as_str(),
            pipeline: pipeline.map(str::to_owned),
        };
        for name in &objects.names {
            let pipeline = name.pipeline();
            call.pipeline = Some(pipeline.to_owned());
            if grants.have(role, pipeline) {
                continue;
            }
            if grants.have(Role::Viewer, pipeline) {
                return Err(forbidden(Some(pipeline)));
            }
            // To the caller it is as if it did not exist.
            return Err(name.unknown(&self.app.granted(principal.clone(), Role::Viewer)));
        }
        if let Some(run) = objects.run {
            call.run = Some(run);
            if !grants.have_somewhere(role) {
                return Err(forbidden(None));
            }
            let pipeline = self.app.store.pipeline_of_run(run).await?;
            call.pipeline.clone_from(&pipeline);
            match pipeline.as_deref() {
                Some(pipeline) if grants.have(role, pipeline) => return Ok(()),
                Some(pipeline) if grants.have(Role::Viewer, pipeline) => {
                    return Err(forbidden(Some(pipeline)));
                }
                // To the caller it is as if it did not exist.
                Some(_) if operation == "get_run_outcome" => return Err(Error::RunUnknown { run }),
                Some(_) => return Err(Error::not_found("run", &run.to_string(), [])),
                None => {}
            }
        }
        let has_role = if is_of_no_pipeline(operation) {
            grants.have_everywhere(role)
        } else {
            grants.have_somewhere(role)
        };

        if has_role {
            Ok(())
        } else {
            Err(forbidden(None))
        }
    }
}

/// Checks each call before its handler, and writes the audit log.
pub(super) async fn check(State(access): State<Access>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut call = Call::of(&parts);
    let admitted = access.admit(&mut parts, &mut call).await;
    let is_page = parts
        .headers
        .keys()
        .any(|name| name.as_str().starts_with("sec-fetch-"));
    let mut answer = match admitted {
        Ok(_admitted) => {
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
