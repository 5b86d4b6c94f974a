//! A metric: its name, kind, unit and labels, and what it means.

/// Metrics about one subject.
#[derive(Debug)]
pub struct Group {
    pub title: &'static str,
    pub metrics: &'static [Metric],
}

#[derive(Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub unit: Option<Unit>,
    pub labels: &'static [Label],
    pub help: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Bytes,
}

#[derive(Debug)]
pub struct Label {
    pub name: &'static str,
    pub values: Values,
}

/// Which values a label has.
#[derive(Debug)]
pub enum Values {
    /// The pipelines that can run.
    Pipelines,
    /// The tables of the pipeline in the label before, as the API names them.
    Tables,
    /// The webhooks of the settings.
    Webhooks,
    Words(&'static [&'static str]),
    /// Values that are known only when they come. The text says what bounds them.
    Later(&'static str),
}

impl Unit {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
        }
    }
}

impl Kind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

pub(super) const fn words(name: &'static str, words: &'static [&'static str]) -> Label {
    Label {
        name,
        values: Values::Words(words),
    }
}

pub(super) const fn later(name: &'static str, bound: &'static str) -> Label {
    Label {
        name,
        values: Values::Later(bound),
    }
}

pub(super) const fn counter(
    name: &'static str,
    labels: &'static [Label],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind: Kind::Counter,
        unit: None,
        labels,
        help,
    }
}

pub(super) const fn gauge(
    name: &'static str,
    labels: &'static [Label],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind: Kind::Gauge,
        unit: None,
        labels,
        help,
    }
}

pub(super) const fn seconds(
    name: &'static str,
    labels: &'static [Label],
    help: &'static str,
) -> Metric {
    Metric {
        unit: Some(Unit::Seconds),
        ..gauge(name, labels, help)
    }
}

pub(super) const fn bytes(
    name: &'static str,
    labels: &'static [Label],
    help: &'static str,
) -> Metric {
    Metric {
        unit: Some(Unit::Bytes),
        ..gauge(name, labels, help)
    }
}

pub(super) const fn durations(
    name: &'static str,
    buckets: &'static [f64],
    labels: &'static [Label],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind: Kind::Histogram(buckets),
        unit: Some(Unit::Seconds),
        labels,
        help,
    }
}
