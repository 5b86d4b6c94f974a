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

/// Writes the log as the settings say, and the audit log as JSON whatever they say.
///
/// # Errors
///
/// [`Error::Settings`] if `log.filter` cannot be read.
pub fn begin(config: &Config) -> Result<()> {
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

    tracing_subscriber::registry()
        .with(
            lines
                .with_filter(filter_fn(|of| of.target() != AUDIT))
                .with_filter(filter),
        )
        .with(audit.with_filter(filter_fn(|of| of.target() == AUDIT)))
        .try_init()
        .map_err(Error::internal)
}
