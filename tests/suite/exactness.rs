//! Current rows, history and ledger equal the reference model, in whatever order the events arrive.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{AuditRow, LOOSE_AUDIT_TABLE, Service, depth};
use crate::reference::{self, Event, Ledger, Row, Version, Versions};

const SEEDS: u64 = 6;
const KEYS: i64 = 8;
const EVENTS_PER_SEED: usize = 200;
/// Deliveries of a history by day.
const BATCHES: usize = 3;
const REPEATS: usize = 30;
/// Histories of different seeds run side by side, so that the ids of one are not all above those of another.
const SEEDS_MOST: i64 = 100_000;
/// More than the ids of a history.
const IDS: i64 = 10_000;
const HOUR: i64 = 3_600_000_000;

const ITEMS: &str =
    "create table items (seed integer, id bigint, amount numeric(18,2), name text, note text);";

/// Seeds with mostly ordered events and seeds with random order have separate tables, because lateness counts per table.
/// A third table tracks one column, a fourth is sometimes truncated.
const TABLES: [Kind; 4] = [
    Kind {
        name: "orderly",
        tracked: None,
        truncates: 0,
    },
    Kind {
        name: "mixed",
        tracked: None,
        truncates: 0,
    },
    Kind {
        name: "tracked",
        tracked: Some(&[0]),
        truncates: 0,
    },
    Kind {
        name: "truncated",
        tracked: Some(&[0]),
        truncates: 6,
    },
];

struct Kind {
    name: &'static str,
    tracked: Option<&'static [usize]>,
    truncates: usize,
}

impl Kind {
    /// The seeds of the table. A table with truncates has one seed, because a truncate concerns all its keys.
    fn seeds(&self) -> Vec<u64> {
        let all = 1..=depth::seeds(SEEDS);
        match self.name {
            "orderly" => all.filter(|seed| reference::is_orderly(*seed)).collect(),
            "mixed" => all.filter(|seed| !reference::is_orderly(*seed)).collect(),
            "tracked" => all.collect(),
            _ => vec![7],
        }
    }
}

/// How histories are delivered, and into which marts.
#[derive(Default)]
struct Case {
    settings: &'static str,
    source: &'static str,
    marts: Marts,
    properties: &'static str,
    /// The tables by day; at night all of them.
    by_day: &'static [&'static str],
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Marts {
    #[default]
    TwoTables,
    CurrentView,
    NoHistory,
}

#[tokio::test]
async fn random_histories_equal_the_reference_model_after_every_batch() {
    compare(Case {
        by_day: &["orderly", "mixed", "tracked", "truncated"],
        ..Case::default()
    })
    .await;
}

#[tokio::test]
async fn at_night_random_histories_equal_the_reference_model_without_the_fast_path() {
    compare(Case {
        settings: "runs.fast_path = false",
        by_day: &["orderly", "truncated"],
        ..Case::default()
    })
    .await;
}

#[tokio::test]
async fn at_night_random_histories_in_the_order_of_their_times_equal_the_reference_model() {
    compare(Case {
        source: ", order_by: occurred_at",
        by_day: &["mixed", "truncated"],
        ..Case::default()
    })
    .await;
}

/// One statement takes 70 events here, so that a table is built in several slices.
#[tokio::test]
async fn at_night_random_histories_that_are_built_in_slices_equal_the_reference_model() {
    compare(Case {
        settings: "trino.statement_memory_bytes = 14000",
        by_day: &["truncated"],
        ..Case::default()
    })
    .await;
}

#[tokio::test]
async fn at_night_random_histories_whose_current_rows_are_a_view_equal_the_reference_model() {
    compare(Case {
        marts: Marts::CurrentView,
        by_day: &["orderly", "mixed", "tracked", "truncated"],
        ..Case::default()
    })
    .await;
}

#[tokio::test]
async fn at_night_random_histories_without_a_history_equal_the_reference_model() {
    compare(Case {
        marts: Marts::NoHistory,
        by_day: &["mixed", "truncated"],
        ..Case::default()
    })
    .await;
}

/// Rows move between partitions as their values change.
#[tokio::test]
async fn at_night_random_histories_of_partitioned_and_sorted_tables_equal_the_reference_model() {
    compare(Case {
        properties: "format: ORC, format_version: 3, partitioning: ['bucket(id, 3)', amount], sorted_by: [name DESC NULLS LAST, id]",
        by_day: &["mixed", "truncated"],
        ..Case::default()
    })
    .await;
}

#[tokio::test]
async fn at_night_random_histories_of_partitioned_tables_that_are_built_in_slices_equal_the_reference_model()
 {
    compare(Case {
        settings: "trino.statement_memory_bytes = 14000",
        properties: "partitioning: ['truncate(name, 1)']",
        by_day: &["truncated"],
        ..Case::default()
    })
    .await;
}

/// Delivers the histories batch by batch and compares tables and ledger with the reference model after each.
async fn compare(case: Case) {
    let Case { source, marts, .. } = case;
    let kinds: Vec<&Kind> = TABLES
        .iter()
        .filter(|kind| depth::is_deep() || case.by_day.contains(&kind.name))
        .collect();
    let service = start(&kinds, &case).await;
    // The model knows one order, that of ids: so an event gets one that is in the order of its time and then of its id.
    let placed = |events: &[Event]| -> Vec<Event> {
        let place = |event: &Event| match source {
            "" => event.id,
            _ => (event.occurred_at - reference::START + HOUR) * IDS + event.id,
        };
        let events = events.iter().map(|event| Event {
            id: place(event),
            ..event.clone()
        });
        events.collect()
    };

    let deliveries = depth::batches(BATCHES);
    let histories: Vec<(&Kind, u64, Vec<Vec<Event>>)> = kinds
        .iter()
        .copied()
        .flat_map(|kind| kind.seeds().into_iter().map(move |seed| (kind, seed)))
        .map(|(kind, seed)| {
            let history = reference::random_history(seed, KEYS, EVENTS_PER_SEED);
            let events = reference::with_truncates(seed, history, kind.truncates);
            (
                kind,
                seed,
                reference::deliver(seed, &events, deliveries, REPEATS),
            )
        })
        .collect();
    for batch in 0..deliveries {
        for (kind, seed, batches) in &histories {
            let rows: Vec<AuditRow> = batches[batch]
                .iter()
                .map(|event| audit_row(kind.name, *seed, event))
                .collect();
            service.log(&rows).await;
        }
        let run = service.run().await.succeeds();
        let ledgers = ledgers(&service, &run).await;
        for kind in &kinds {
            let (current, history) = tables(&service, kind.name, marts).await;
            let (mut ledger, mut of_versions) = (Ledger::default(), Versions::default());
            for (_, seed, batches) in histories.iter().filter(|(of, ..)| of.name == kind.name) {
                let arrived = placed(&batches[..=batch].concat());
                let context = format!("{}, seed {seed}, after batch {batch}", kind.name);
                let rows = current.get(seed).cloned().unwrap_or_default();
                let versions = history.get(seed).cloned().unwrap_or_default();
                let mut expected = reference::history(&arrived, kind.tracked);
                for version in &mut expected {
                    version.event_id %= IDS;
                }
                assert_eq!(rows, reference::current(&arrived), "current, {context}");
                if marts != Marts::NoHistory {
                    assert_eq!(versions, expected, "history, {context}");
                    let held = reference::check_invariants(&rows, &versions);
                    assert_eq!(held, Ok(()), "{context}");
                }
                let before = placed(&batches[..batch].concat());
                ledger += reference::ledger(&before, &placed(&batches[batch]));
                let history_before = reference::history(&before, kind.tracked);
                let history_after = reference::history(&arrived, kind.tracked);
                if marts != Marts::NoHistory {
                    of_versions += reference::versions(&history_before, &history_after);
                }
            }
            assert_eq!(
                ledgers.get(kind.name),
                Some(&(ledger, of_versions)),
                "ledger of {}, batch {batch}",
                kind.name
            );
        }
    }
    for kind in &kinds {
        service.verifies(kind.name).await;
    }
}

async fn start(kinds: &[&Kind], case: &Case) -> Service {
    let mut pipeline = format!(
        "pipeline: PIPELINE\nsource: {{kind: postgres_audit_log, connection: shop{}}}\ntables:\n",
        case.source
    );
    let mut created = LOOSE_AUDIT_TABLE.to_owned();
    for kind in kinds {
        let tracked = if kind.tracked.is_some() {
            "[amount]"
        } else {
            "all"
        };
        let marts = match case.marts {
            Marts::TwoTables => format!("history: {{tracked: {tracked}}}"),
            Marts::CurrentView => format!("current: view, history: {{tracked: {tracked}}}"),
            Marts::NoHistory => "history: off".into(),
        };
        let table = format!(
            "  {0}: {{from: public.{0}, key: [seed, id], properties: {{{1}}}, {marts}}}\n",
            kind.name, case.properties
        );
        pipeline.push_str(&table);
        created.push_str(&ITEMS.replace("items", kind.name));
    }

    Service::of(&pipeline)
        .tables(&created)
        .settings(case.settings)
        .start()
        .await
}

/// The ledgers of a run by table, as the API serves them.
async fn ledgers(service: &Service, run: &Value) -> BTreeMap<String, (Ledger, Versions)> {
    let path = format!("/v1/runs/{}/changes", run["id"].as_str().expect("an id"));
    let changes = service.get(&path).await;
    let ledger = |change: &Value| {
        let number = |name: &str| {
            change[name]
                .as_i64()
                .unwrap_or_else(|| panic!("no `{name}`: {change}"))
        };
        let table = change["table"].as_str().expect("a table");
        let (_, short) = table.split_once('.').expect("a pipeline");
        let ledger = Ledger {
            read: number("read"),
            duplicate: number("duplicate"),
            staged: number("staged"),
            late: number("late"),
            superseded: number("superseded"),
            delete_without_row: number("delete_without_row"),
            unchanged: number("unchanged"),
            applied: number("inserted") + number("updated") + number("deleted"),
            truncates: number("truncates"),
            inserted: number("inserted"),
            updated: number("updated"),
            deleted: number("deleted"),
            truncated: number("truncated"),
        };
        assert_eq!(number("published"), ledger.staged, "{change}");
        assert_eq!(ledger.check(), Ok(()), "{change}");
        let versions = Versions {
            opened: number("versions_opened"),
            closed: number("versions_closed"),
            split: number("versions_split"),
            changed: number("versions_changed"),
            removed: number("versions_removed"),
        };
        (short.to_owned(), (ledger, versions))
    };

    changes.body["data"]
        .as_array()
        .expect("changes")
        .iter()
        .map(ledger)
        .collect()
}

fn audit_row(table: &str, seed: u64, event: &Event) -> AuditRow {
    let values = &event.values;
    let data = (event.operation != 'T').then(|| {
        let amount = values[0].as_deref().map(|n| n.parse::<i64>().expect("a number"));
        json!({"seed": seed, "id": event.key, "amount": amount, "name": values[1], "note": values[2]})
            .to_string()
    });

    AuditRow {
        id: Some(event.id * SEEDS_MOST + i64::try_from(seed).expect("small")),
        operation: Some(event.operation.to_string()),
        occurred_at: Some(event.occurred_at),
        table: table.into(),
        data,
    }
}

type Currents = BTreeMap<u64, BTreeMap<i64, Row>>;
type Histories = BTreeMap<u64, Vec<Version>>;

/// The rows in Trino, by seed.
async fn tables(service: &Service, name: &str, marts: Marts) -> (Currents, Histories) {
    const VALUES: &str = "cast(cast(amount as bigint) as varchar), name, note";
    let moment = |column: &str| format!("cast(to_unixtime({column}) * 1000000 as bigint)");
    let mut currents = Currents::new();
    let sql = format!("select seed, id, {VALUES} from {{marts.{name}}}");
    for row in service.query(&sql).await {
        let of_seed = currents.entry(number(&row[0]).unsigned_abs()).or_default();
        let twice = of_seed.insert(number(&row[1]), row[2..].iter().map(text).collect());
        assert_eq!(twice, None, "a key has two current rows: {row:?}");
    }
    let mut histories = Histories::new();
    if marts == Marts::NoHistory {
        return (currents, histories);
    }
    let sql = format!(
        "select seed, id, {VALUES}, {}, {}, is_current, is_deleted, _event_id from {{marts.{name}_history}} order by seed, id, valid_from",
        moment("valid_from"),
        moment("valid_to")
    );
    for row in service.query(&sql).await {
        let seed = number(&row[0]);
        histories
            .entry(seed.unsigned_abs())
            .or_default()
            .push(Version {
                key: number(&row[1]),
                values: row[2..5].iter().map(text).collect(),
                valid_from: number(&row[5]),
                valid_to: row[6].as_i64(),
                is_current: row[7] == true,
                is_deleted: row[8] == true,
                event_id: (number(&row[9]) - seed) / SEEDS_MOST,
            });
    }

    (currents, histories)
}

fn number(value: &Value) -> i64 {
    value
        .as_i64()
        .unwrap_or_else(|| panic!("no number: {value}"))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(ToOwned::to_owned)
}
