//! `/livez`, `/readyz` and `/v1/version`: whether the service is alive, whether it can take runs, and which one it is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, TrinoLook};
use crate::error::{Error, Problem, Result};
use crate::state::Status;

/// The service is alive.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alive {
    /// Always `alive`.
    #[schema(example = "alive")]
    status: AliveStatus,
}

/// That the service is alive.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AliveStatus {
    Alive,
}

/// How ready the service is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReadyStatus {
    /// The service takes runs and executes them.
    Ready,
    /// Trino is away: runs are accepted, and tried again for a while.
    Degraded,
}

/// Whether the service can take runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "ready", "state_database": "pass", "trino": "pass", "trino_detail": null}))]
pub(super) struct Ready {
    /// How ready it is.
    status: ReadyStatus,
    /// Whether the state database answers.
    state_database: Status,
    /// Whether Trino answers.
    trino: Status,
    /// Why Trino does not answer.
    trino_detail: Option<String>,
}

/// The version of the service.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Version {
    /// Of the program.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Of the API: what may change within it is on the page of its conventions.
    #[schema(example = "v1")]
    api_version: &'static str,
}

/// Say that the service is alive.
#[utoipa::path(
    get, path = "/livez", tag = "service",
    responses((status = OK, description = "The service is alive", body = Alive), Problem),
)]
pub(super) async fn get_livez() -> Json<Alive> {
    Json(Alive {
        status: AliveStatus::Alive,
    })
}

/// Say whether the service can take runs.
///
/// It cannot (`503`) without its state database, before that is up to date, or while it shuts down. Without Trino it can, and says
/// `degraded`. The answer is what the service found in the last seconds.
#[utoipa::path(
    get, path = "/readyz", tag = "service",
    responses((status = OK, description = "The service can take runs", body = Ready), Problem),
)]
pub(super) async fn get_readyz(State(app): State<App>) -> Result<Json<Ready>> {
    if app.signals.is_stopping() {
        return Err(Error::Stopping);
    }
    app.readiness.check_state()?;
    let looked = app.readiness.trino().unwrap_or(TrinoLook::Late);
    // Anybody may ask here, and what Trino says may quote statements.
    let trino = match looked {
        TrinoLook::Answers => None,
        TrinoLook::Refuses => {
            Some("Trino does not answer, or refuses to; `GET /v1/engine` says why".into())
        }
        TrinoLook::Late => {
            Some("Trino does not answer in time; check that it runs and is not overloaded".into())
        }
    };

    Ok(Json(Ready {
        status: if trino.is_none() {
            ReadyStatus::Ready
        } else {
            ReadyStatus::Degraded
        },
        state_database: Status::Pass,
        trino: if trino.is_none() {
            Status::Pass
        } else {
            Status::Error
        },
        trino_detail: trino,
    }))
}

/// Get the version of the service.
#[utoipa::path(
    get, path = "/v1/version", tag = "service",
    responses((status = OK, description = "The version", body = Version), Problem),
)]
pub(super) async fn get_version() -> Json<Version> {
    Json(Version {
        version: env!("CARGO_PKG_VERSION"),
        api_version: "v1",
    })
}
