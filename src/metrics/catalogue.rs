//! The only list of metrics: the recorder describes them by it, counters begin at zero by it, and docs/reference/metrics.md is made of it.

use super::metric::{
    Group, Label, Metric, Values, bytes, counter, durations, gauge, later, seconds, words,
};

/// Of answers, in seconds.
const ANSWERS: &[f64] = &[0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0];
/// Of runs, steps and statements, in seconds.
const WORK: &[f64] = &[
    0.25, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1_800.0, 3_600.0, 10_800.0,
];

const PIPELINE: Label = Label {
    name: "pipeline",
    values: Values::Pipelines,
};
const TABLE: Label = Label {
    name: "table",
    values: Values::Tables,
};
const RUN_STATE: Label = words("state", &["succeeded", "failed", "cancelled"]);
const CLASS: Label = words("class", &["away", "busy", "broken", "conflict", "limit"]);
const STEP: Label = words(
    "kind",
    &[
        "extract",
        "stage",
        "test",
        "mart",
        "model",
        "verify",
        "optimize",
        "plan",
        "delete",
        "restage",
        "resync",
        "reset",
        "forget",
        "erase",
        "replay",
        "dismiss",
        "retain",
        "maintain",
        "monitoring",
    ],
);
const OUTCOME: Label = words(
    "outcome",
    &[
        "succeeded",
        "away",
        "busy",
        "broken",
        "conflict",
        "limit",
        "fault",
        "interrupted",
    ],
);
const POOL: Label = words("pool", &["calls", "work", "own"]);
const METHOD: Label = later("method", "`other` for methods that no operation has");
const ROUTE: Label = later(
    "route",
    "the template of the path, such as `/v1/runs/{run_id}`; `unknown` for paths that are none",
);
const SUBJECT: [Label; 3] = [
    PIPELINE,
    words("kind", &["table", "model"]),
    later("name", "as the API names it, such as `shop.orders`"),
];
const STATE_TABLE: Label = later("table", "the tables of the schema `icefront`");

pub const CATALOGUE: &[Group] = &[
    Group {
        title: "Freshness",
        metrics: &[
            seconds(
                "icefront_freshness_covered_until_timestamp_seconds",
                &SUBJECT,
                "the time up to which every committed change is in a table or model; absent before it is built",
            ),
            gauge(
                "icefront_freshness_status",
                &SUBJECT,
                "how fresh a table or model is: 0 within its limits, 1 beyond the limit for warnings, 2 beyond the limit for errors or failed; absent while nothing is known",
            ),
            seconds(
                "icefront_freshness_warn_after_seconds",
                &SUBJECT,
                "the age from which on a table or model is called late; absent without a limit",
            ),
            seconds(
                "icefront_freshness_error_after_seconds",
                &SUBJECT,
                "the age from which on a table is called too old; absent without a limit",
            ),
        ],
    },
    Group {
        title: "Runs",
        metrics: &[
            gauge(
                "icefront_runs_active",
                &[PIPELINE],
                "runs that are executed: 0 or 1",
            ),
            gauge(
                "icefront_runs_queued",
                &[PIPELINE],
                "runs that wait in the queue",
            ),
            gauge(
                "icefront_runs_queue_limit",
                &[],
                "the most queued runs of a pipeline: `runs.queue_limit`",
            ),
            counter(
                "icefront_runs_total",
                &[PIPELINE, RUN_STATE],
                "runs that ended",
            ),
            durations(
                "icefront_run_duration_seconds",
                WORK,
                &[PIPELINE, RUN_STATE],
                "time from the begin of the last attempt to the end of the run",
            ),
            seconds(
                "icefront_run_last_success_timestamp_seconds",
                &[PIPELINE],
                "the end of the last run that built tables and succeeded; absent before the first",
            ),
            seconds(
                "icefront_run_schedule_interval_seconds",
                &[PIPELINE],
                "the longest pause between two times of the schedule; absent without a schedule",
            ),
            gauge(
                "icefront_pipeline_paused",
                &[PIPELINE],
                "1 while only calls start runs",
            ),
            gauge(
                "icefront_pipelines",
                &[words("state", &["usable", "broken", "outdated"])],
                "pipelines by whether their definition can be used; `outdated` ones are usable, too: their files are broken, and they work by their last good definition",
            ),
            counter(
                "icefront_run_retries_total",
                &[PIPELINE, CLASS],
                "retries after a fault, by its class",
            ),
            counter(
                "icefront_steps_total",
                &[STEP, OUTCOME],
                "steps that ended: as `succeeded`, or by the class of their fault",
            ),
            durations(
                "icefront_step_duration_seconds",
                WORK,
                &[STEP],
                "time of a step",
            ),
            counter(
                "icefront_leases_taken_total",
                &[PIPELINE],
                "leases that this service took to work on a pipeline",
            ),
            counter(
                "icefront_leases_lost_total",
                &[PIPELINE],
                "leases that this service lost while it worked: another one took over",
            ),
        ],
    },
    Group {
        title: "Events and rows",
        metrics: &[
            counter(
                "icefront_staged_events_total",
                &[
                    PIPELINE,
                    words("outcome", &["staged", "duplicate", "rejected"]),
                ],
                "events that staging read, by what became of them",
            ),
            counter(
                "icefront_row_changes_total",
                &[
                    PIPELINE,
                    TABLE,
                    words("kind", &["inserted", "updated", "deleted"]),
                ],
                "current rows that were changed",
            ),
            gauge(
                "icefront_rejects_open",
                &[PIPELINE, TABLE],
                "rejects that are neither replayed nor dismissed",
            ),
        ],
    },
    Group {
        title: "Sources",
        metrics: &[
            seconds(
                "icefront_source_covered_until_timestamp_seconds",
                &[PIPELINE],
                "the time up to which the source was read; absent before the first run",
            ),
            gauge(
                "icefront_source_blocked",
                &[PIPELINE],
                "1 if an open transaction held the last reading back; absent before the first run",
            ),
            counter(
                "icefront_poll_faults_total",
                &[PIPELINE],
                "polls that could not ask the source, or not start a run",
            ),
            gauge(
                "icefront_files_unread",
                &[PIPELINE, TABLE],
                "files that could not be read and hold freshness back; only of tables made of files",
            ),
        ],
    },
    Group {
        title: "Trino",
        metrics: &[
            gauge(
                "icefront_trino_up",
                &[],
                "1 if Trino answered the last look, which is made every 5 s; absent before the first",
            ),
            gauge(
                "icefront_trino_statements",
                &[words("state", &["queued", "running"])],
                "statements of this service that wait in Trino or are executed there",
            ),
            counter(
                "icefront_statements_total",
                &[STEP, OUTCOME],
                "statements that write, by the kind of their step: `succeeded`, or the class of their fault",
            ),
            durations(
                "icefront_statement_duration_seconds",
                WORK,
                &[STEP],
                "time of a statement that writes, from its sending to its last page",
            ),
        ],
    },
    Group {
        title: "API",
        metrics: &[
            counter(
                "icefront_http_requests_total",
                &[
                    METHOD,
                    ROUTE,
                    later("status", "`2xx`, `3xx`, `4xx` or `5xx`"),
                ],
                "calls that were answered",
            ),
            durations(
                "icefront_http_request_duration_seconds",
                ANSWERS,
                &[METHOD, ROUTE],
                "time until an answer begins; calls that wait for a run take as long as they ask for",
            ),
            counter(
                "icefront_calls_refused_total",
                &[words("reason", &["unauthenticated", "forbidden", "other"])],
                "calls that were refused: without a right credential (`unauthenticated`), without a role or of a foreign page (`forbidden`)",
            ),
            counter(
                "icefront_key_reloads_total",
                &[words("outcome", &["read", "refused"])],
                "readings of a changed file of keys; `refused` because it cannot be used",
            ),
        ],
    },
    Group {
        title: "Receivers",
        metrics: &[
            counter(
                "icefront_webhook_deliveries_total",
                &[
                    Label {
                        name: "webhook",
                        values: Values::Webhooks,
                    },
                    words("state", &["delivered", "failed"]),
                ],
                "messages that this service delivered, or gave up",
            ),
            counter(
                "icefront_lineage_events_total",
                &[words("state", &["delivered", "failed"])],
                "events that this service sent to the lineage server, or gave up",
            ),
        ],
    },
    Group {
        title: "Service and state database",
        metrics: &[
            gauge(
                "icefront_build_info",
                &[later("version", "of the program")],
                "always 1",
            ),
            gauge(
                "icefront_state_up",
                &[],
                "1 if the state database can be worked on, by a look every second",
            ),
            gauge(
                "icefront_state_connections",
                &[POOL, words("state", &["in_use", "idle"])],
                "connections of this service to the state database",
            ),
            gauge(
                "icefront_state_connections_limit",
                &[POOL],
                "the most connections of a pool, by `state.connections`",
            ),
            gauge(
                "icefront_state_connection_waits",
                &[POOL],
                "questions that wait for a connection",
            ),
            bytes(
                "icefront_state_size_bytes",
                &[],
                "the size of the state database",
            ),
            bytes(
                "icefront_state_table_size_bytes",
                &[STATE_TABLE],
                "the size of a table with its indexes",
            ),
            gauge(
                "icefront_state_table_rows",
                &[STATE_TABLE],
                "the rows of a table as Postgres estimates them; absent before its first analyze",
            ),
        ],
    },
];

/// All metrics.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    CATALOGUE.iter().flat_map(|group| group.metrics)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metrics::{Kind, Unit};

    #[test]
    fn a_name_says_its_kind_and_unit() {
        let mut names = BTreeSet::new();
        for metric in all() {
            let name = metric.name;
            assert!(names.insert(name), "`{name}` is there twice");
            assert!(name.starts_with("icefront_"), "{name}");
            assert_eq!(
                name.ends_with("_total"),
                matches!(metric.kind, Kind::Counter),
                "{name}"
            );
            for unit in [Unit::Seconds, Unit::Bytes] {
                assert_eq!(
                    name.ends_with(unit.as_str()),
                    metric.unit == Some(unit),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn no_label_can_hold_the_id_of_a_run() {
        for label in all().flat_map(|metric| metric.labels) {
            assert!(!label.name.contains("run") && !label.name.contains("sql"));
        }
    }
}
