//! Traces by OpenTelemetry: calls, runs, their steps and the statements of Trino, as spans for a collector.
//!
//! The standard variables turn them on and name the collector (OpenTelemetry, "OTLP exporter configuration"). Spans are those of
//! `tracing`, so the log has the same names.

use std::env;

use axum::http::HeaderMap;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{Status, TraceContextExt, TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::error::{Error, Result};

const TRACEPARENT: &str = "traceparent";

/// Sends spans to a collector until it is dropped.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// `None` if no variable names a collector.
    ///
    /// # Errors
    ///
    /// A variable has a value that cannot be used.
    pub fn from_variables() -> Result<Option<Self>> {
        if !are_on() {
            return Ok(None);
        }
        let mut exporter = SpanExporter::builder().with_http();
        // The default of OpenTelemetry; that of the crate is JSON.
        if !is_set("OTEL_EXPORTER_OTLP_PROTOCOL") && !is_set("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") {
            exporter = exporter.with_protocol(Protocol::HttpBinary);
        }
        let exporter = exporter
            .build()
            .map_err(|fault| {
                Error::Settings(format!(
                    "a variable of OpenTelemetry cannot be used: {fault}; the collector is `OTEL_EXPORTER_OTLP_ENDPOINT`, such as `http://localhost:4318`"
                ))
            })?;
        // `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over the name that is given here.
        let mut service = Resource::builder();
        if !is_set("OTEL_SERVICE_NAME") {
            service = service.with_service_name("icefront");
        }
        let provider = SdkTracerProvider::builder()
            .with_resource(service.build())
            .with_batch_exporter(exporter)
            .build();

        Ok(Some(Self(provider)))
    }

    /// Takes the spans of this service; events stay in the log.
    #[must_use]
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("icefront"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_filter(filter_fn(|of| {
                of.is_span() && of.target().starts_with("icefront")
            }))
    }
}

impl Drop for Traces {
    /// Sends what is left, for at most the time that the variables give the collector.
    fn drop(&mut self) {
        if let Err(fault) = self.0.shutdown() {
            tracing::warn!(%fault, "the last spans did not reach the collector");
        }
    }
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn are_on() -> bool {
    let says =
        |name: &str, word: &str| env::var(name).is_ok_and(|value| value.eq_ignore_ascii_case(word));

    (is_set("OTEL_EXPORTER_OTLP_ENDPOINT") || is_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
        && !says("OTEL_SDK_DISABLED", "true")
        && !says("OTEL_TRACES_EXPORTER", "none")
}

/// Lets a span belong to the caller's trace, if the caller sends one (W3C Trace Context, `traceparent`).
pub(crate) fn continue_trace(span: &Span, headers: &HeaderMap) {
    let given = headers
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok());
    if let Some(given) = given {
        continue_from(span, given);
    }
}

/// Lets a span belong to the trace of a `traceparent`. Text that is none changes nothing.
pub(crate) fn continue_from(span: &Span, traceparent: &str) {
    let context = TraceContextPropagator::new().extract(&Carrier(Some(traceparent.to_owned())));
    if context.span().span_context().is_valid() {
        // Fails only if traces are off, or if the span has begun before.
        let _ = span.set_parent(context);
    }
}

/// The `traceparent` of a span: what continues its trace elsewhere. `None` if traces are off.
pub(crate) fn traceparent(span: &Span) -> Option<String> {
    let mut carrier = Carrier(None);
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);

    carrier.0
}

/// Marks the span of something that failed with a problem of this kind.
pub(crate) fn tell_failure(span: &Span, problem: &str) {
    span.set_status(Status::error(problem.to_owned()));
}

/// Holds one `traceparent`.
struct Carrier(Option<String>);

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.as_deref().filter(|_| key == TRACEPARENT)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_collector_no_span_has_a_traceparent() {
        assert_eq!(traceparent(&Span::none()), None);
    }

    #[test]
    fn a_text_that_is_no_traceparent_is_passed_over() {
        continue_from(&Span::none(), "00-0-0-00");
    }
}
