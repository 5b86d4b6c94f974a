//! Writes the page of metrics from their catalogue, and compares the catalogue with the code, the alerts and the dashboard.

use std::collections::BTreeSet;

use icefront::metrics::catalogue::{self, CATALOGUE};
use icefront::metrics::{Label, Metric, Values};

use super::{cell, keep, repository, rust_files};

const INTRODUCTION: &str = "\
Icefront serves metrics for Prometheus at `/metrics` on `http.metrics_bind` (`127.0.0.1:7071`). [Monitoring](../guides/operate/monitoring.md) says
how to read them, and [Alerts](../guides/operate/alerts.md) what to do when they tell of trouble.

- Counters and durations are those of one service, since its start. Counters whose labels are known are there from the start, at 0.
- Gauges of pipelines, tables, models, and of the size of the state database, are the same in each service: they come from the state database.
- A gauge that is not known is absent, and never 0.
- Classes of faults are those of [runs](../explanation/runs.md#faults). The kind of a step is the first part of its name: `mart` of `mart.orders`.
- A label never holds the id of a run, SQL or a value of a row.
- The text has the unit of each metric in a line `# UNIT`.
";

#[test]
fn the_page_of_metrics_is_up_to_date() {
    let mut body = vec![INTRODUCTION.to_owned()];
    for group in CATALOGUE {
        body.push(format!(
            "\n## {}\n\n| metric | kind | labels | meaning |\n|---|---|---|---|\n",
            group.title
        ));
        body.extend(group.metrics.iter().map(row));
    }

    keep("metrics.md", "Metrics", &body.concat());
}

fn row(metric: &Metric) -> String {
    let labels: Vec<String> = metric.labels.iter().map(label).collect();
    format!(
        "| `{}` | {} | {} | {} |\n",
        metric.name,
        metric.kind.as_str(),
        labels.join("; "),
        cell(metric.help)
    )
}

fn label(label: &Label) -> String {
    let name = format!("`{}`", label.name);
    match label.values {
        Values::Pipelines | Values::Tables | Values::Webhooks => name,
        Values::Words(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            format!("{name}: {}", words.join(", "))
        }
        Values::Later(bound) => format!("{name}: {}", cell(bound)),
    }
}

/// Words of a text that begin like the name of a metric.
fn names(text: &str) -> BTreeSet<String> {
    let is_part = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    let words = text.split(|sign: char| !is_part(sign));
    let known = |word: &&str| word.starts_with("icefront_");
    let series = ["_bucket", "_sum", "_count"];

    words
        .filter(known)
        .map(|word| {
            let of_histogram = series.iter().find_map(|end| word.strip_suffix(end));
            of_histogram.unwrap_or(word).to_owned()
        })
        .collect()
}

#[test]
fn the_code_counts_what_the_catalogue_lists_and_nothing_else() {
    let listed: BTreeSet<String> = catalogue::all().map(|one| one.name.to_owned()).collect();
    let counted: BTreeSet<String> = rust_files()
        .iter()
        .filter(|file| !file.contains("pub const CATALOGUE"))
        .flat_map(|file| {
            file.split("\"icefront_")
                .skip(1)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter_map(|rest| Some(format!("icefront_{}", rest.split_once('"')?.0)))
        .filter(|name| names(name).contains(name))
        .collect();

    let missing: Vec<&String> = counted.difference(&listed).collect();
    let unused: Vec<&String> = listed.difference(&counted).collect();
    assert!(
        missing.is_empty() && unused.is_empty(),
        "not in the catalogue: {missing:?}; never counted: {unused:?}"
    );
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    let listed: BTreeSet<String> = catalogue::all().map(|one| one.name.to_owned()).collect();
    for file in ["alerts.yaml", "alerts.test.yaml", "dashboard.json"] {
        let path = repository().join("charts/icefront/files").join(file);
        let asked = names(&std::fs::read_to_string(path).expect("a file"));
        let unknown: Vec<&String> = asked.difference(&listed).collect();

        assert!(asked.len() > 10, "{file}: {asked:?}");
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

#[test]
fn every_alert_has_a_runbook() {
    let read = |path: &str| std::fs::read_to_string(repository().join(path)).expect("a file");
    let rules = read("charts/icefront/files/alerts.yaml");
    let page = read("docs/guides/operate/alerts.md");
    let alerts: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();

    assert!(alerts.len() > 10);
    for alert in alerts {
        let anchor = alert.to_lowercase();
        let runbook = format!("runbook: docs/guides/operate/alerts.md#{anchor}\n");
        assert!(page.contains(&format!("\n## {alert}\n")), "{alert}");
        assert!(rules.contains(&runbook), "{runbook}");
    }
}
