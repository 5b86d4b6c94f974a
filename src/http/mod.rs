//! The API: the only module that answers calls. A file per resource; `routes!` is the only list of routes.

mod access;
mod answer;
mod at_once;
mod audit;
mod browsers;
mod caller_places;
mod cancel;
mod certificate;
mod changes;
mod confirm;
mod connections;
mod consumers;
mod cors;
mod credential;
mod docs;
mod document;
mod engine;
mod events;
mod files;
mod forget;
mod freshness;
mod health;
mod key;
mod leftovers;
mod maintenance;
mod measure;
mod members;
mod metrics;
mod models;
mod objects;
mod of;
mod page;
mod parameters;
mod pipelines;
mod rates;
mod read;
mod refreshes;
mod rejects;
mod reload;
mod repair;
mod request_id;
mod reset;
mod roles;
mod row_changes;
mod rows;
mod runs;
mod schemas;
mod sending;
mod sources;
mod start;
mod steps;
mod tables;
mod test_results;
mod turns;
mod validate;
mod webhooks;

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::access::Access;
use self::audit::Lines;
use self::browsers::Guard;
pub use self::certificate::Certificate;
pub use self::connections::{Places, serve};
pub use self::metrics::metrics;
use self::parameters::{Parameters, refuse_unknown};
use self::request_id::with_request_id;
use self::sending::Sending;
use crate::app::App;
use crate::error::Error;

/// The limit for every answer; a long poll ends earlier.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);
/// The most calls that are answered at once. Others are turned away.
const MOST_CALLS: usize = 4_096;

/// The document's frame; operations and schemas come from the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Icefront",
        description = "Change data pipelines on Trino and Apache Iceberg. `POST` a run to update a pipeline's tables; `GET` their freshness and changes. Every error is `application/problem+json` with a stable `type` and a `detail` that says what to do.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "This service")),
    tags(
        (name = "runs", description = "Start runs and follow them"),
        (name = "pipelines", description = "What can run, and what the next run would do"),
        (name = "sources", description = "Where changes come from, and how far they have been read"),
        (name = "tables", description = "Current rows and histories: schema, size, rows"),
        (name = "models", description = "SQL models, kept exact"),
        (name = "consumers", description = "How far readers of row changes are"),
        (name = "leftovers", description = "What removed tables and models left behind"),
        (name = "rejects", description = "Events that staging could not take"),
        (name = "reports", description = "Freshness and changes"),
        (name = "webhooks", description = "Who is told when something happens"),
        (name = "service", description = "The service itself, and Trino"),
    ),
)]
struct Frame;

/// The API with its documents; unknown paths and methods are problems.
pub fn router(app: App) -> Router {
    let limit = app.config.http.body_limit_bytes;
    let cors = cors::layer(&app.config.http.cors_origins);
    let (router, document) = resources().split_for_parts();
    let (probes, of_probes) = probes().split_for_parts();
    let document = document::finished(document.merge_from(of_probes));
    let parameters = Parameters::of(&document);
    let lines = Lines::default();
    let access = Access::of(app.clone(), &document, lines.clone());
    let guard = Guard::new(&app.config.http, lines);
    // The layer that is added last sees a call first.
    let probes = probes.route_layer(from_fn_with_state(parameters.clone(), refuse_unknown));
    let router = router
        .route_layer(from_fn_with_state(parameters, refuse_unknown))
        .route_layer(from_fn_with_state(access, access::check));
    let documents = docs::routes(&document);
    let bounded = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |_| Error::Overloaded))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(MOST_CALLS));

    router
        .layer(from_fn_with_state(Sending::default(), sending::bounded))
        // Their memory is shared by all answers.
        .merge(documents)
        .layer(bounded)
        // Kubernetes would end a service that turns its probes away.
        .merge(probes)
        .with_state(app)
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(DefaultBodyLimit::max(limit))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            ANSWER_TIMEOUT,
        ))
        .layer(from_fn(problem_for_bare_status))
        .layer(CatchPanicLayer::custom(panicked))
        // What failed is logged once, with its cause, where it becomes a problem.
        .layer(TraceLayer::new_for_http().on_failure(()))
        .layer(cors)
        .layer(from_fn_with_state(guard, browsers::guard))
        .layer(from_fn(with_request_id))
        .layer(from_fn(measure::measure))
}

/// The OpenAPI document as indented JSON with a line end.
///
/// # Errors
///
/// [`Error::Internal`] when it cannot be written.
pub fn openapi() -> Result<String, Error> {
    let (_, document) = resources().merge(probes()).split_for_parts();

    document::finished(document)
        .to_pretty_json()
        .map(|json| json + "\n")
        .map_err(Error::internal)
}

fn resources() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Frame::openapi())
        .routes(routes!(start::start_run))
        .routes(routes!(runs::list_runs))
        .routes(routes!(runs::get_run))
        .routes(routes!(runs::get_run_outcome))
        .routes(routes!(events::follow_run))
        .routes(routes!(cancel::cancel_run))
        .routes(routes!(cancel::retry_run))
        .routes(routes!(steps::list_run_steps))
        .routes(routes!(steps::list_step_sql))
        .routes(routes!(test_results::list_run_tests))
        .routes(routes!(test_results::list_test_failures))
        .routes(routes!(changes::list_run_changes))
        .routes(routes!(pipelines::list_pipelines))
        .routes(routes!(pipelines::get_pipeline))
        .routes(routes!(reload::reload_pipelines))
        .routes(routes!(pipelines::get_plan))
        .routes(routes!(pipelines::pause_pipeline))
        .routes(routes!(pipelines::resume_pipeline))
        .routes(routes!(sources::list_sources))
        .routes(routes!(sources::get_source))
        .routes(routes!(sources::check_source))
        .routes(routes!(sources::get_safe_to_purge))
        .routes(routes!(files::list_files))
        .routes(routes!(tables::list_tables))
        .routes(routes!(tables::get_table))
        .routes(routes!(rows::list_versions))
        .routes(routes!(rows::list_rows))
        .routes(routes!(row_changes::list_row_changes))
        .routes(routes!(repair::verify_table))
        .routes(routes!(repair::test_table))
        .routes(routes!(repair::rebuild_table))
        .routes(routes!(repair::restage_table))
        .routes(routes!(repair::resync_table))
        .routes(routes!(reset::reset_table))
        .routes(routes!(forget::forget_keys))
        .routes(routes!(models::list_models))
        .routes(routes!(models::get_model))
        .routes(routes!(models::get_model_sql))
        .routes(routes!(refreshes::list_refreshes))
        .routes(routes!(models::get_lineage))
        .routes(routes!(row_changes::list_model_row_changes))
        .routes(routes!(models::get_graph))
        .routes(routes!(validate::validate_definition))
        .routes(routes!(validate::validate_models))
        .routes(routes!(validate::run_unit_tests))
        .routes(routes!(refreshes::refresh_model))
        .routes(routes!(models::verify_model))
        .routes(routes!(models::suspend_model))
        .routes(routes!(models::resume_model))
        .routes(routes!(leftovers::list_leftovers))
        .routes(routes!(leftovers::delete_leftover))
        .routes(routes!(maintenance::start_maintenance))
        .routes(routes!(rejects::list_rejects))
        .routes(routes!(rejects::replay_rejects))
        .routes(routes!(rejects::dismiss_rejects))
        .routes(routes!(freshness::list_freshness))
        .routes(routes!(freshness::get_table_freshness))
        .routes(routes!(freshness::get_model_freshness))
        .routes(routes!(changes::list_changes))
        .routes(routes!(webhooks::list_webhooks))
        .routes(routes!(webhooks::test_webhook))
        .routes(routes!(webhooks::list_deliveries))
        .routes(routes!(consumers::list_consumers))
        .routes(routes!(
            consumers::get_consumer,
            consumers::set_consumer,
            consumers::delete_consumer
        ))
        .routes(routes!(engine::get_engine))
        .routes(routes!(health::get_version))
        .routes(routes!(schemas::get_schema))
}

/// What Kubernetes asks.
fn probes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health::get_livez))
        .routes(routes!(health::get_readyz))
}

/// Turns the bare status of a layer or of the documents' files into a problem.
async fn problem_for_bare_status(uri: Uri, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    if answer.headers().contains_key(header::CONTENT_TYPE) {
        return answer;
    }

    match answer.status() {
        StatusCode::NOT_FOUND => unknown_path(uri).await,
        StatusCode::GATEWAY_TIMEOUT => {
            let late = "the answer took too long; ask for less, or retry later";
            Error::TimedOut(late.into()).into_response()
        }
        _ => answer,
    }
}

async fn unknown_path(uri: Uri) -> Response {
    Error::not_found("path", uri.path(), []).into_response()
}

async fn unknown_method(method: Method, _: Request) -> Response {
    let method = method.to_string();
    Error::MethodNotAllowed { method }.into_response()
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let message = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");

    Error::internal(format!("a handler panicked: {message}")).into_response()
}
