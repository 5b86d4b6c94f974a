//! The running service: its listeners, its worker, and its end.

use std::time::Duration;

use futures::FutureExt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinError;

use crate::app::{App, Background, ReloadCause, watch_pipelines};
use crate::config::Config;
use crate::error::{Error, Result, causes};
use crate::http::Places;
use crate::metrics::Exposition;
use crate::{http, lineage, run, webhooks};

const MIGRATE_PAUSE: Duration = Duration::from_secs(2);
/// How long open requests are answered after the last run has ended or was handed back.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Serves until SIGTERM or SIGINT. Starts even while its servers are away.
///
/// # Errors
///
/// [`Error::Settings`] when a setting cannot be used, or an address cannot be listened on. [`Error::SchemaUnfit`] when another program
/// made the schema of the state database.
pub async fn serve(config: Config) -> Result<()> {
    let (bind, metrics_bind) = (config.http.bind, config.http.metrics_bind);
    let is_behind_proxy = config.http.behind_tls_proxy;
    let certificate = config.http.tls.as_ref();
    let certificate = certificate.map(http::Certificate::read).transpose()?;
    raise_file_limit();
    let app = App::new(config)?;
    for broken in app.pipelines.broken() {
        tracing::error!(
            pipeline = broken.name,
            fault = broken.fault,
            "the pipeline is broken; the others are served"
        );
    }
    let exposition = Exposition::install(&app)?;
    let api = listen("http.bind", bind).await?;
    let scrapes = listen("http.metrics_bind", metrics_bind).await?;
    tokio::spawn(on_signals(app.clone()));
    tokio::spawn(on_hangup(app.clone()));
    let _measured = exposition.look();
    let metrics = http::metrics(exposition, &app.config.http);
    tokio::spawn(serve_metrics(scrapes, metrics));
    let mut looks = app.look_at_servers();
    let of_pipelines = app.clone();
    looks.spawn("watch pipelines", move || {
        watch_pipelines(of_pipelines.clone())
    });
    let worker = tokio::spawn(migrate_and_work(app.clone()))
        .map(Ended::of)
        .shared();

    tracing::info!(address = %bind, "icefront serves; open /docs there");
    // Callers are answered while runs end, and `/readyz` says that the service stops.
    let stops = worker.clone().map(drop);
    let places = Places::of_api(is_behind_proxy);
    let serving = http::serve(api, certificate, places, http::router(app), stops);
    let late = async {
        worker.clone().await;
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        () = serving => {}
        () = late => tracing::warn!("requests were still open at the end"),
    }
    match worker.await {
        Ended::Well => {
            tracing::info!("icefront has ended");
            Ok(())
        }
        Ended::Refused(detail) => Err(Error::SchemaUnfit(detail)),
        Ended::Panicked => Err(Error::internal("the worker panicked; the log says where")),
    }
}

/// Connections, files and Trino's answers take file descriptors. Shells and systemd often begin with 1,024.
fn raise_file_limit() {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limits.maximum,
        ..limits
    };
    if let Err(fault) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%fault, current = limits.current, "the limit of open files cannot be raised");
    }
}

/// How the worker ended.
#[derive(Debug, Clone)]
enum Ended {
    Well,
    /// The state database is not for this program; the text says why.
    Refused(String),
    Panicked,
}

impl Ended {
    fn of(worker: Result<Result<()>, JoinError>) -> Self {
        match worker {
            Ok(Ok(())) => Self::Well,
            Ok(Err(error)) => Self::Refused(error.to_string()),
            Err(_) => Self::Panicked,
        }
    }
}

/// Works as soon as the state database answers and is up to date.
async fn migrate_and_work(app: App) -> Result<()> {
    if !is_migrated(&app).await? {
        return Ok(());
    }
    let mut telling = Background::default();
    let of_webhooks = app.clone();
    telling.spawn("tell webhooks", move || webhooks::work(of_webhooks.clone()));
    let of_lineage = app.clone();
    telling.spawn("tell the lineage server", move || {
        lineage::work(of_lineage.clone())
    });
    run::work(app).await;
    telling.ended().await;

    Ok(())
}

/// Waits until the state database is up to date, and brings it there if the settings allow that. `false` if the service stops
/// before.
///
/// # Errors
///
/// [`Error::SchemaUnfit`] if another program made the schema: an older program must not begin to work on the schema of a newer one.
async fn is_migrated(app: &App) -> Result<bool> {
    let mut logged = String::new();
    loop {
        let fault = match app.store.schema().await {
            Ok(schema) if schema.fits() => return Ok(true),
            Ok(schema) if schema.is_foreign() => return Err(schema.misfit()),
            Ok(schema) if !app.config.state.migrate => schema.misfit(),
            Ok(_) => match app.store.migrate().await {
                Ok(()) => return Ok(true),
                Err(fault) => fault,
            },
            Err(fault) => fault,
        };
        if fault.to_string() != logged {
            let cause = causes(&fault);
            tracing::warn!(error = %fault, cause, "the state database cannot be used yet");
        }
        logged = fault.to_string();
        tokio::select! {
            () = tokio::time::sleep(MIGRATE_PAUSE) => {}
            () = app.signals.stops() => return Ok(false),
        }
    }
}

async fn serve_metrics(listener: TcpListener, router: axum::Router) {
    let never = std::future::pending();
    http::serve(listener, None, Places::of_metrics(), router, never).await;
}

async fn listen(key: &str, address: std::net::SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|fault| {
        Error::Settings(format!(
            "`{key}` is `{address}`, which cannot be listened on: {fault}; end what uses it or set another port"
        ))
    })
}

/// Reads the pipelines anew at each SIGHUP.
async fn on_hangup(app: App) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::error!(
            "SIGHUP cannot be listened for; `POST /v1/pipelines/reload` reads pipelines anew"
        );
        return;
    };
    while hangup.recv().await.is_some() {
        if let Err(error) = app.reload_pipelines(ReloadCause::Signal).await {
            let cause = causes(&error);
            tracing::error!(%error, cause, "pipelines cannot be read anew; the service works by those that it has");
        }
    }
}

/// Ends the service in order at the first signal, and at once at the second.
async fn on_signals(app: App) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("signals cannot be listened for; end the service by SIGKILL");
        return;
    };
    loop {
        let kind = tokio::select! {
            _ = terminate.recv() => SignalKind::terminate(),
            _ = interrupt.recv() => SignalKind::interrupt(),
        };
        if app.signals.stop() {
            tracing::warn!(
                "icefront ends at once; the service that starts next continues its runs"
            );
            // The exit code that a shell has for the end by a signal.
            std::process::exit(128 + kind.as_raw_value());
        }
        let grace_ms = app.config.runs.shutdown_grace.as_millis();
        tracing::info!(grace_ms, "icefront ends; a second signal ends it at once");
    }
}
