//! The worked example and every corner case of the rules for current rows and history, by name, on a real Trino.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::harness::{AuditRow, Service};

const TABLES: &str = "create table items (id bigint, a text, b text); create table tracked (id bigint, a text, b text);";
const PIPELINE: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
tables:
  items: {from: public.items, key: [id]}
  tracked: {from: public.tracked, key: [id], history: {tracked: [a]}}
";
const DAY: i64 = 1_767_225_600_000_000; // 2026-01-01
const MINUTE: i64 = 60_000_000;

/// An event: number, operation, minute of the day, values.
type Arrival = (i64, &'static str, i64, &'static str);

/// The cases, each a key of its own; the n-th event of each arrives in the n-th batch.
const CASES: [(&str, &[Arrival]); 13] = [
    (
        "worked example",
        &[
            (1, "I", 600, "100 new"),
            (2, "U", 605, "100 paid"),
            (3, "U", 605, "120 paid"),
            (5, "D", 620, ""),
            (6, "I", 630, "50 new"),
            (4, "U", 610, "130 paid"),
        ],
    ),
    (
        "delete before its insert",
        &[(11, "D", 570, ""), (10, "I", 540, "a")],
    ),
    ("delete only", &[(11, "D", 570, "")]),
    (
        "no-op bisected",
        &[(1, "I", 1, "1"), (3, "U", 3, "1"), (2, "U", 2, "9")],
    ),
    (
        "late insert, other values",
        &[(1, "I", 10, "a"), (5, "D", 20, ""), (3, "I", 15, "b")],
    ),
    (
        "late insert, same values",
        &[(1, "I", 10, "a"), (5, "D", 20, ""), (3, "I", 15, "a")],
    ),
    (
        "insert with an earlier time",
        &[(5, "D", 620, ""), (6, "I", 615, "a")],
    ),
    (
        "same values after a delete",
        &[(1, "I", 10, "a"), (2, "D", 20, ""), (3, "I", 30, "a")],
    ),
    (
        "clock goes back",
        &[(1, "I", 600, "a"), (2, "U", 601, "b"), (3, "U", 600, "c")],
    ),
    (
        "tracked",
        &[
            (1, "I", 10, "1 1"),
            (2, "U", 20, "1 2"),
            (3, "U", 30, "2 2"),
        ],
    ),
    (
        "delete inside",
        &[(1, "I", 10, "a"), (4, "D", 20, ""), (2, "D", 15, "")],
    ),
    (
        "delete inside, insert between",
        &[
            (1, "I", 10, "a"),
            (4, "D", 20, ""),
            (2, "D", 15, ""),
            (3, "I", 17, "b"),
        ],
    ),
    (
        "undone at its own time",
        &[(1, "I", 10, "a"), (2, "U", 20, "b"), (3, "U", 20, "a")],
    ),
];

/// After each batch, by case: the versions, one line each, and the current row.
type Shown = BTreeMap<String, (Vec<String>, String)>;

/// The rows of a case after the given number of batches. All cases run once, together.
fn after(case: &str, batches: usize) -> (Vec<String>, String) {
    static SHOWN: OnceLock<Vec<Shown>> = OnceLock::new();
    let shown = SHOWN.get_or_init(|| {
        std::thread::spawn(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(run())
        })
        .join()
        .expect("the cases run")
    });

    shown[batches - 1].get(case).cloned().unwrap_or_default()
}

async fn run() -> Vec<Shown> {
    let service = Service::of(PIPELINE)
        .audit_log()
        .tables(TABLES)
        .start()
        .await;
    let longest = CASES.iter().map(|(_, arrivals)| arrivals.len()).max();
    let mut shown = Vec::new();
    for batch in 0..longest.expect("cases") {
        let mut rows = Vec::new();
        for (key, (case, arrivals)) in (1_i64..).zip(CASES) {
            rows.extend(arrivals.get(batch).map(|arrival| row(key, case, *arrival)));
        }
        service.log(&rows).await;
        service.run().await.succeeds();
        shown.push(look(&service).await);
    }

    shown
}

fn table(case: &str) -> &'static str {
    if case == "tracked" {
        "tracked"
    } else {
        "items"
    }
}

fn row(key: i64, case: &str, (id, operation, minute, values): Arrival) -> AuditRow {
    let (a, b) = values.split_once(' ').unwrap_or((values, ""));
    AuditRow {
        // Cases progress side by side, so that the ids of one are not all above those of another.
        id: Some(id * 100 + key),
        operation: Some(operation.into()),
        occurred_at: Some(DAY + minute * MINUTE),
        table: table(case).into(),
        data: Some(json!({"id": key, "a": a, "b": b}).to_string()),
    }
}

async fn look(service: &Service) -> Shown {
    let mut shown = Shown::new();
    for from in ["items", "tracked"] {
        let minute = |column: &str| {
            format!("cast((to_unixtime({column}) * 1000000 - {DAY}) / {MINUTE} as integer)")
        };
        let sql = format!(
            "select id, a || ' ' || b, {}, {}, is_current, is_deleted from {{marts.{from}_history}} order by id, valid_from",
            minute("valid_from"),
            minute("valid_to")
        );
        for version in service.query(&sql).await {
            let (versions, _) = shown.entry(case_of(&version[0])).or_default();
            versions.push(line(&version));
        }
        for current in service
            .query(&format!("select id, a || ' ' || b from {{marts.{from}}}"))
            .await
        {
            let (_, row) = shown.entry(case_of(&current[0])).or_default();
            current[1]
                .as_str()
                .unwrap_or_default()
                .trim()
                .clone_into(row);
        }
    }

    shown
}

fn case_of(key: &Value) -> String {
    let at = usize::try_from(key.as_i64().expect("a key") - 1).expect("a case");

    CASES[at].0.to_owned()
}

fn line(version: &[Value]) -> String {
    let end = version[3]
        .as_i64()
        .map_or("–".into(), |end| end.to_string());
    let values = version[1].as_str().unwrap_or_default().trim();
    let current = if version[4] == true { " current" } else { "" };
    let deleted = if version[5] == true { " deleted" } else { "" };

    format!("[{}, {end}) {values}{deleted}{current}", version[2])
}

/// Asserts the rows of a case after the given number of batches.
fn shows(case: &str, batches: usize, versions: &[&str], current: &str) {
    assert_eq!(
        after(case, batches),
        (
            versions.iter().map(ToString::to_string).collect(),
            current.to_owned()
        ),
        "{case}, after batch {batches}"
    );
}

#[test]
fn the_worked_example_is_right_after_every_event() {
    let case = "worked example";
    shows(case, 1, &["[600, –) 100 new current"], "100 new");
    shows(
        case,
        2,
        &["[600, 605) 100 new", "[605, –) 100 paid current"],
        "100 paid",
    );
    shows(
        case,
        3,
        &["[600, 605) 100 new", "[605, –) 120 paid current"],
        "120 paid",
    );
    shows(
        case,
        4,
        &["[600, 605) 100 new", "[605, 620) 120 paid deleted"],
        "",
    );
    shows(
        case,
        5,
        &[
            "[600, 605) 100 new",
            "[605, 620) 120 paid deleted",
            "[630, –) 50 new current",
        ],
        "50 new",
    );
    shows(
        case,
        6,
        &[
            "[600, 605) 100 new",
            "[605, 610) 120 paid",
            "[610, 620) 130 paid deleted",
            "[630, –) 50 new current",
        ],
        "50 new",
    );
}

#[test]
fn a_delete_may_come_before_its_insert() {
    shows("delete before its insert", 1, &[], "");
    shows("delete before its insert", 2, &["[540, 570) a deleted"], "");
}

#[test]
fn a_delete_alone_leaves_nothing() {
    shows("delete only", 6, &[], "");
}

#[test]
fn a_change_of_nothing_becomes_a_version_when_it_is_bisected_later() {
    shows("no-op bisected", 2, &["[1, –) 1 current"], "1");
    shows(
        "no-op bisected",
        3,
        &["[1, 2) 1", "[2, 3) 9", "[3, –) 1 current"],
        "1",
    );
}

#[test]
fn a_late_insert_behind_a_delete_splits_the_deleted_version() {
    shows(
        "late insert, other values",
        3,
        &["[10, 15) a", "[15, 20) b deleted"],
        "",
    );
}

#[test]
fn a_late_insert_of_the_same_values_behind_a_delete_changes_nothing() {
    shows("late insert, same values", 3, &["[10, 20) a deleted"], "");
}

#[test]
fn an_insert_with_an_earlier_time_than_the_delete_before_it_is_clamped() {
    shows(
        "insert with an earlier time",
        2,
        &["[620, –) a current"],
        "a",
    );
}

#[test]
fn the_same_values_after_a_delete_are_two_versions_and_a_gap() {
    shows(
        "same values after a delete",
        3,
        &["[10, 20) a deleted", "[30, –) a current"],
        "a",
    );
}

#[test]
fn a_clock_that_goes_back_does_not_change_the_order() {
    shows(
        "clock goes back",
        3,
        &["[600, 601) a", "[601, –) c current"],
        "c",
    );
}

#[test]
fn an_untracked_column_shows_its_last_value_within_the_version() {
    shows("tracked", 2, &["[10, –) 1 2 current"], "1 2");
    shows(
        "tracked",
        3,
        &["[10, 30) 1 2", "[30, –) 2 2 current"],
        "2 2",
    );
}

#[test]
fn a_delete_inside_a_closed_version_leaves_the_later_delete_in_the_log() {
    shows("delete inside", 3, &["[10, 15) a deleted"], "");
    let case = "delete inside, insert between";
    shows(case, 4, &["[10, 15) a deleted", "[17, 20) b deleted"], "");
}

#[test]
fn a_change_that_is_undone_at_its_own_time_was_never_visible() {
    shows(
        "undone at its own time",
        2,
        &["[10, 20) a", "[20, –) b current"],
        "b",
    );
    shows("undone at its own time", 3, &["[10, –) a current"], "a");
}
