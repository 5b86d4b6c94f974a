//! The log: lines of text or JSON on stderr, and beside them the audit log.

mod flat;

use std::io::IsTerminal;

use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use self::flat::FlatJson;
use crate::auth::AUDIT;
use crate::config::{Config, LogFormat};
use crate::error::{Error, Result};
use crate::traces::Traces;

/// Writes the log as the settings say, and the audit log as JSON whatever they say. Sends spans to a collector until what this gives is dropped.
///
/// # Errors
///
/// [`Error::Settings`] if `log.filter` or a variable of OpenTelemetry cannot be used.
pub fn begin(config: &Config) -> Result<Option<Traces>> {
    let filter = EnvFilter::try_new(&config.log.filter).map_err(|fault| {
        Error::Settings(format!(
            "`log.filter` cannot be read: {fault}; write one such as `info,icefront::run=debug`"
        ))
    })?;
    let lines = fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let lines = match config.log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().event_format(FlatJson).boxed(),
    };
    let audit = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(std::io::stderr);

    let traces = Traces::from_variables()?;

    tracing_subscriber::registry()
        .with(traces.as_ref().map(Traces::layer))
        .with(
            lines
                .with_filter(filter_fn(|of| of.target() != AUDIT))
                .with_filter(filter),
        )
        .with(audit.with_filter(filter_fn(|of| of.target() == AUDIT)))
        .try_init()
        .map_err(Error::internal)?;

    Ok(traces)
}
