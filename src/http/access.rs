//! The one layer that decides who may do what. An operation that [`ROLES`] does not name cannot be called.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::RequestPartsExt;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use utoipa::openapi::OpenApi;
use uuid::Uuid;

use super::audit::Call;
use super::parameters::operations;
use super::rates::Rates;
use crate::app::App;
use crate::auth::{Principal, Role};
use crate::error::{Error, Result};

/// The role that each operation needs on the pipeline that it is about.
const ROLES: [(Role, &[&str]); 5] = [
    (
        Role::Viewer,
        &[
            "follow_run",
            "get_graph",
            "get_lineage",
            "get_model",
            "get_model_freshness",
            "get_pipeline",
            "get_plan",
            "get_run",
            "get_run_outcome",
            "get_safe_to_purge",
            "get_schema",
            "get_source",
            "get_table",
            "get_table_freshness",
            "get_version",
            "list_changes",
            "list_freshness",
            "list_models",
            "list_pipelines",
            "list_refreshes",
            "list_run_changes",
            "list_run_steps",
            "list_run_tests",
            "list_runs",
            "list_sources",
            "list_tables",
            "validate_definition",
            "validate_models",
        ],
    ),
    (
        Role::Reader,
        &[
            "delete_consumer",
            "get_consumer",
            "get_model_sql",
            "list_consumers",
            "list_files",
            "list_model_row_changes",
            "list_rejects",
            "list_row_changes",
            "list_rows",
            "list_step_sql",
            "list_test_failures",
            "list_versions",
            "set_consumer",
        ],
    ),
    (
        Role::Runner,
        &[
            "cancel_run",
            "refresh_model",
            "retry_run",
            "run_unit_tests",
            "start_run",
        ],
    ),
    (
        Role::Operator,
        &[
            "check_source",
            "dismiss_rejects",
            "pause_pipeline",
            "rebuild_table",
            "replay_rejects",
            "restage_table",
            "resume_model",
            "resume_pipeline",
            "resync_table",
            "suspend_model",
            "test_table",
            "verify_model",
            "verify_table",
        ],
    ),
    (
        Role::Admin,
        &[
            "delete_leftover",
            "get_engine",
            "list_deliveries",
            "list_leftovers",
            "list_webhooks",
            "reset_table",
            "test_webhook",
        ],
    ),
];
/// Operations that belong to no pipeline, so that their role must be given on all.
const OF_NO_PIPELINE: [&str; 6] = [
    "delete_leftover",
    "get_engine",
    "list_deliveries",
    "list_leftovers",
    "list_webhooks",
    "test_webhook",
];
/// Operations that anybody may call: what Kubernetes asks.
const PUBLIC: [&str; 2] = ["get_livez", "get_readyz"];

/// The role that an operation needs. `None` for those that anybody may call.
pub(super) fn role(operation: &str) -> Option<Role> {
    let needed = ROLES.iter().find(|(_, names)| names.contains(&operation));
    if PUBLIC.contains(&operation) {
        return None;
    }

    // What is not listed needs the most.
    Some(needed.map_or(Role::Admin, |(role, _)| *role))
}

/// Decides about the calls of a service.
#[derive(Debug, Clone)]
pub(super) struct Access {
    app: App,
    /// The ids of operations, by path and method.
    operations: Arc<BTreeMap<(String, Method), String>>,
    rates: Arc<Rates>,
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

/// What a call is about, by the names in its path and its query.
#[derive(Debug, Default)]
struct Objects {
    names: Vec<Name>,
    run: Option<Uuid>,
}

/// The name of a pipeline, table or model.
#[derive(Debug)]
struct Name {
    kind: &'static str,
    text: String,
    /// The parameter of the query; `None` for the path.
    field: Option<String>,
}

impl Access {
    pub(super) fn of(app: App, document: &OpenApi) -> Self {
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
        }
    }

    /// Decides about a call, and gives its handler what the caller may see.
    async fn admit(&self, parts: &mut Parts, call: &mut Call) -> Result<()> {
        let Some(path) = parts.extensions.get::<MatchedPath>() else {
            return Ok(());
        };
        // Who may not get something may not ask for its headers either.
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
            return Ok(());
        };
        let principal = self.principal(parts, call).await?;
        call.principal.clone_from(&principal.name);
        call.role = Some(role);
        let objects = objects(parts).await?;
        self.decide(operation, role, &principal, &objects, call)
            .await?;
        self.rates.check(operation, role, &principal)?;
        let granted = self.app.granted(principal, role);
        parts.extensions.insert(Granted(granted));

        Ok(())
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
        let has_role = if OF_NO_PIPELINE.contains(&operation) {
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

impl Name {
    /// The pipeline that it names, or that its table or model is of.
    fn pipeline(&self) -> &str {
        if self.kind == "pipeline" {
            return &self.text;
        }

        self.text
            .split_once('.')
            .map_or(self.text.as_str(), |(pipeline, _)| pipeline)
    }

    /// The answer to a name that does not exist, with the nearest one that the caller may see.
    fn unknown(&self, granted: &App) -> Error {
        let pipelines = &granted.pipelines;
        let found = match self.kind {
            "table" => pipelines.table(&self.text).map(drop),
            "model" => pipelines.model(&self.text).map(drop),
            _ => pipelines.get(&self.text).map(drop),
        };
        let error = found
            .err()
            .unwrap_or_else(|| Error::not_found(self.kind, &self.text, []));

        match &self.field {
            Some(field) => error.at_field(field.clone()),
            None => error,
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
    let answer = match admitted {
        Ok(()) => {
            call.is_admitted = true;
            next.run(Request::from_parts(parts, body)).await
        }
        Err(error) => refused(error, is_page),
    };
    call.answered(&answer);

    answer
}

/// A page is not offered `Basic`: its browser would keep the password, and send it with calls of other pages.
fn refused(error: Error, is_page: bool) -> Response {
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
fn credential(headers: &HeaderMap) -> Result<Option<String>> {
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

async fn objects(parts: &mut Parts) -> Result<Objects> {
    let mut objects = Objects::default();
    let path = parts.extract::<RawPathParams>().await;
    let path = path.map_err(|fault| Error::Malformed(fault.body_text()))?;
    for (name, value) in &path {
        if name == "run_id" {
            objects.run = value.parse().ok();
        } else if let Some(kind) = kind(name) {
            objects.names.push(Name {
                kind,
                text: value.to_owned(),
                field: None,
            });
        }
    }
    let query = parts.uri.query().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if let Some(kind) = kind(&name) {
            objects.names.push(Name {
                kind,
                text: value.into_owned(),
                field: Some(name.into_owned()),
            });
        }
    }

    Ok(objects)
}

/// What a parameter of this name names. A source has the name of its pipeline.
fn kind(parameter: &str) -> Option<&'static str> {
    match parameter {
        "pipeline" | "source" => Some("pipeline"),
        "table" => Some("table"),
        "model" => Some("model"),
        _ => None,
    }
}
