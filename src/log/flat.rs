//! A line of the log as one flat JSON object: the fields of the event, then those of the spans around it.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::time;

/// So that `run_id` has one place, whether an event or a span around it has the field. The innermost wins.
#[derive(Debug)]
pub(super) struct FlatJson;

impl<S, N> FormatEvent<S, N> for FlatJson
where
    S: Subscriber + for<'spans> LookupSpan<'spans>,
    // It writes the fields of spans as JSON.
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let of = event.metadata();
        let mut fields = Fields {
            line: Map::new(),
            target: of.target().to_owned(),
        };
        let line = &mut fields.line;
        line.insert("timestamp".into(), time::text(Timestamp::now()).into());
        line.insert("level".into(), of.level().as_str().into());
        event.record(&mut fields);
        let Fields { mut line, target } = fields;
        for span in context.event_scope().into_iter().flatten() {
            let extensions = span.extensions();
            let known = extensions.get::<FormattedFields<N>>();
            let known = known.and_then(|known| serde_json::from_str(&known.fields).ok());
            let known: Map<String, Value> = known.unwrap_or_default();
            for (name, value) in known {
                line.entry(name).or_insert(value);
            }
        }
        line.insert("target".into(), target.into());

        writeln!(writer, "{}", Value::Object(line))
    }
}

/// Collects the fields of an event.
struct Fields {
    line: Map<String, Value>,
    target: String,
}

impl Fields {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        let value = value.into();
        match field.name() {
            // Crates that log by `log` have the facts of their line in fields.
            "log.target" => {
                if let Value::String(target) = value {
                    self.target = target;
                }
            }
            name if name.starts_with("log.") => {}
            name => {
                let name = name.strip_prefix("r#").unwrap_or(name);
                self.line.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.add(field, value),
            Err(_) => self.add(field, value.to_string()),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// What was written.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("one thread").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_the_fields_of_its_spans_and_its_own_win() {
        let written = Written::default();
        let writer = written.clone();
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .event_format(FlatJson)
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let run = tracing::error_span!("run", run_id = 7, step = tracing::field::Empty);
            let _run = run.enter();
            run.record("step", "extract");
            let _step = tracing::error_span!("step", step = "a \"b\"").entered();
            tracing::info!(run_id = 8, took_ms = 5_u128, "it\nends");
        });

        let written = written.0.lock().expect("one thread").clone();
        let text = String::from_utf8(written).expect("UTF-8");
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).expect("JSON");
        let own = ["level", "message", "run_id", "step", "took_ms"].map(|name| line[name].clone());
        assert_eq!(
            serde_json::json!(own),
            serde_json::json!(["INFO", "it\nends", 8, "a \"b\"", 5])
        );
    }
}
