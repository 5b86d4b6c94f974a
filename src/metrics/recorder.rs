//! Recorders that know the catalogue: descriptions, buckets, and counters that begin at zero.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusRecorder};

use super::catalogue::all;
use super::metric::{Kind, Label, Metric, Unit, Values};
use crate::app::App;

/// The names and values of a series' labels.
type Labels = Vec<(&'static str, String)>;

/// A recorder whose histograms have the buckets of the catalogue. Without buckets they would be summaries.
pub(super) fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for metric in all() {
        if let Kind::Histogram(buckets) = metric.kind {
            builder =
                builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)?;
        }
    }

    Ok(builder.build_recorder())
}

/// Describes all metrics to the present recorder.
pub(super) fn describe() {
    for metric in all() {
        let Metric { name, help, .. } = *metric;
        let unit = metric.unit.map_or(metrics::Unit::Count, |unit| match unit {
            Unit::Seconds => metrics::Unit::Seconds,
            Unit::Bytes => metrics::Unit::Bytes,
        });
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(name, unit, help),
            Kind::Gauge => metrics::describe_gauge!(name, unit, help),
            Kind::Histogram(_) => metrics::describe_histogram!(name, unit, help),
        }
    }
}

/// Lets each counter whose labels are known begin at zero, so that its first step is seen.
pub(super) fn begin_counters(app: &App) {
    let counters = all().filter(|metric| matches!(metric.kind, Kind::Counter));
    for metric in counters {
        for labels in series(metric.labels, app) {
            metrics::counter!(metric.name, &labels).increment(0);
        }
    }
}

/// All that the labels of a metric can be; nothing if that is known only later.
fn series(labels: &[Label], app: &App) -> Vec<Labels> {
    let mut series = vec![Labels::new()];
    for label in labels {
        series = series
            .iter()
            .flat_map(|before| {
                let values = values(label, before, app).into_iter();
                values.map(move |value| [&before[..], &[(label.name, value)]].concat())
            })
            .collect();
    }

    series
}

fn values(label: &Label, before: &[(&'static str, String)], app: &App) -> Vec<String> {
    match label.values {
        Values::Pipelines => {
            let usable = app.pipelines.usable();
            usable.map(|definition| definition.name.clone()).collect()
        }
        Values::Tables => {
            let pipeline = before.iter().find(|(name, _)| *name == "pipeline");
            let pipeline = pipeline.map_or("", |(_, value)| value.as_str());
            let tables = app.pipelines.get(pipeline).map(|of| of.tables.values());
            let tables = tables.into_iter().flatten();
            tables.map(|table| table.id.to_string()).collect()
        }
        Values::Webhooks => app.config.webhooks.keys().cloned().collect(),
        Values::Words(words) => words.iter().map(|word| (*word).to_owned()).collect(),
        Values::Later(_) => Vec::new(),
    }
}
