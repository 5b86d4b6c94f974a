//! Current rows and history equal the reference model, whatever way the events come.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{AuditRow, EVENTS, LOOSE_AUDIT_TABLE, Service, log};
use crate::reference::{self, Event, Row, Version};

const SEEDS: u64 = 20;
const KEYS: i64 = 8;
const EVENTS_PER_SEED: usize = 200;
const BATCHES: usize = 5;
const REPEATS: usize = 30;
/// Ids of one seed lie apart from those of the next.
const SPACING: i64 = 1_000_000;

const ITEMS: &str =
    "create table items (seed integer, id bigint, amount numeric(18,2), name text, note text);";

#[tokio::test]
async fn random_histories_equal_the_reference_model_after_every_batch() {
    let mut service = Service::start(EVENTS, &format!("{LOOSE_AUDIT_TABLE}{ITEMS}")).await;
    let histories: Vec<(u64, Vec<Vec<Event>>)> = seeds()
        .map(|seed| {
            let events = reference::random_history(seed, KEYS, EVENTS_PER_SEED);
            (seed, reference::deliver(seed, &events, BATCHES, REPEATS))
        })
        .collect();
    for batch in 0..BATCHES {
        for (seed, batches) in &histories {
            let rows: Vec<AuditRow> = batches[batch].iter().map(|e| audit_row(*seed, e)).collect();
            log(&mut service.shop, &rows).await;
        }
        service.run().await;
        let (current, history) = tables(&service).await;
        for (seed, batches) in &histories {
            let arrived = batches[..=batch].concat();
            let expected = reference::history(&arrived, None);
            let context = format!("seed {seed}, after batch {batch}");
            assert_eq!(
                current.get(seed).cloned().unwrap_or_default(),
                reference::current(&arrived),
                "current, {context}"
            );
            assert_eq!(
                history.get(seed).cloned().unwrap_or_default(),
                expected,
                "history, {context}"
            );
        }
    }
}

#[tokio::test]
async fn truncates_and_tracked_columns_equal_the_reference_model() {
    let pipeline = EVENTS.replace(
        "key: [seed, id]",
        "key: [seed, id]\n    history: {tracked: [amount]}",
    );
    let mut service = Service::start(&pipeline, &format!("{LOOSE_AUDIT_TABLE}{ITEMS}")).await;
    let events =
        reference::with_truncates(7, reference::random_history(7, KEYS, EVENTS_PER_SEED), 6);
    let batches = reference::deliver(7, &events, BATCHES, REPEATS);
    for batch in 0..BATCHES {
        let rows: Vec<AuditRow> = batches[batch].iter().map(|e| audit_row(7, e)).collect();
        log(&mut service.shop, &rows).await;
        service.run().await;
        let arrived = batches[..=batch].concat();
        let (current, history) = tables(&service).await;
        assert_eq!(
            current.get(&7).cloned().unwrap_or_default(),
            reference::current(&arrived),
            "after batch {batch}"
        );
        assert_eq!(
            history.get(&7).cloned().unwrap_or_default(),
            reference::history(&arrived, Some(&[0])),
            "after batch {batch}"
        );
    }
}

/// As many seeds as usual, or as `ICEFRONT_TEST_SEEDS` says.
fn seeds() -> std::ops::RangeInclusive<u64> {
    let seeds = std::env::var("ICEFRONT_TEST_SEEDS")
        .ok()
        .and_then(|n| n.parse().ok());
    1..=seeds.unwrap_or(SEEDS)
}

fn audit_row(seed: u64, event: &Event) -> AuditRow {
    let values = &event.values;
    let data = (event.operation != 'T').then(|| {
        let amount = values[0].as_deref().map(|n| n.parse::<i64>().expect("a number"));
        json!({"seed": seed, "id": event.key, "amount": amount, "name": values[1], "note": values[2]})
            .to_string()
    });

    AuditRow {
        id: Some(event.id + i64::try_from(seed).expect("small") * SPACING),
        operation: Some(event.operation.to_string()),
        occurred_at: Some(event.occurred_at),
        table: "items".into(),
        data,
    }
}

type Currents = BTreeMap<u64, BTreeMap<i64, Row>>;
type Histories = BTreeMap<u64, Vec<Version>>;

/// What Trino has, by seed.
async fn tables(service: &Service) -> (Currents, Histories) {
    const VALUES: &str = "cast(cast(amount as bigint) as varchar), name, note";
    let moment = |column: &str| format!("cast(to_unixtime({column}) * 1000000 as bigint)");
    let mut currents = Currents::new();
    let sql = format!("select seed, id, {VALUES} from {{marts.items}}");
    for row in service.query(&sql).await {
        let of_seed = currents.entry(number(&row[0]).unsigned_abs()).or_default();
        let twice = of_seed.insert(number(&row[1]), row[2..].iter().map(text).collect());
        assert_eq!(twice, None, "a key has two current rows: {row:?}");
    }
    let mut histories = Histories::new();
    let sql = format!(
        "select seed, id, {VALUES}, {}, {}, is_current, is_deleted, _event_id from {{marts.items_history}} order by seed, id, valid_from",
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
                event_id: number(&row[9]) - seed * SPACING,
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
