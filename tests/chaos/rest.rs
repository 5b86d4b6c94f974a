//! The rest: no writer and no caller works, every server is up. Tables, runs, keys and events must be right.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::callers::ended;
use crate::harness::Flow;
use crate::world::{PIPELINES, VERIFIED, World, pause};

/// The longest wait for anything, also on a busy machine.
const TO_END: Duration = Duration::from_mins(12);

/// Starts all servers, waits for all runs, and compares everything.
pub(crate) async fn rest(world: &World, scenario: &str) {
    let begun = world.seconds();
    for replica in &world.replicas {
        replica.trino.set(Flow::Open);
        replica.postgres.set(Flow::Open);
    }
    runs_end(world).await;
    let runs = PIPELINES.map(|pipeline| format!("/v1/pipelines/{pipeline}/runs"));
    join_all(runs.iter().map(|path| succeed(world, path))).await;
    let events = tables_are_the_sources(world, scenario).await;
    events_are_staged_once(world, scenario).await;
    let verified = VERIFIED.map(|table| format!("/v1/tables/{table}/verify"));
    join_all(verified.iter().map(|path| succeed(world, path))).await;
    state_is_whole(world).await;
    changes_are_all(world, scenario).await;
    let book = world.book.borrow();
    assert!(book.oddities.is_empty(), "{:#?}", book.oddities);
    println!(
        "at rest: {} runs over, {events} events each staged once, tables and histories right ({:.0} s)",
        book.accepted.len(),
        world.seconds() - begun
    );
}

/// Every run that was accepted is known and comes to its end.
async fn runs_end(world: &World) {
    let until = Instant::now() + TO_END;
    let accepted = world.book.borrow().accepted.clone();
    for run in accepted {
        loop {
            let heard = get(world, &format!("/v1/runs/{run}?wait=20s")).await;
            if heard["terminal"] == true {
                ended(world, &heard);
                break;
            }
            assert!(Instant::now() < until, "a run does not end: {heard:#}");
        }
    }
    // Those whose acceptance nobody heard of, too.
    loop {
        let mut active = Vec::new();
        for state in ["queued", "running"] {
            let list = get(world, &format!("/v1/runs?state={state}")).await;
            active.extend(list["data"].as_array().cloned().unwrap_or_default());
        }
        if active.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "runs do not end: {active:#?}");
        pause(300).await;
    }
}

/// No key made two runs, the events of a run have no gap, and no attempt is left open.
async fn state_is_whole(world: &World) {
    let state = world.connect("chaos_state").await;
    for (fault, sql) in [
        (
            "keys that made two runs",
            "select request -> 'labels' ->> 'key' from icefront.runs where request -> 'labels' ? 'key' group by 1 having count(*) > 1",
        ),
        (
            "runs whose events have gaps",
            "select run_id::text from icefront.run_events group by 1 having count(*) <> max(number)",
        ),
        (
            "steps that run in a run that is over",
            "select run_id || ' ' || name from icefront.steps as step join icefront.runs as run on run.id = run_id where step.state = 'running' and run.state not in ('queued', 'running')",
        ),
    ] {
        let rows = state.query(sql, &[]).await.expect("rows");
        let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert!(found.is_empty(), "{fault}: {found:?}");
    }
    let kept = "select key, run_id::text from icefront.idempotency_keys";
    let kept = state.query(kept, &[]).await.expect("keys");
    let kept: BTreeMap<String, String> = kept.iter().map(|row| (row.get(0), row.get(1))).collect();
    for (key, runs) in &world.book.borrow().keys {
        let run = kept.get(key);
        assert!(
            run.is_some_and(|run| runs.contains(run)),
            "{key}: {run:?}, not {runs:?}"
        );
    }
}

/// The counted inserts minus the counted deletes are the rows of the table.
async fn changes_are_all(world: &World, scenario: &str) {
    let state = world.connect("chaos_state").await;
    for table in VERIFIED {
        let (pipeline, name) = table.split_once('.').expect("a pipeline and a table");
        let sql = "select sum(inserted - deleted - truncated)::bigint from icefront.changes where pipeline = $1 and table_name = $2";
        let row = state.query_one(sql, &[&pipeline, &name]).await;
        let told: Option<i64> = row.expect("a sum").get(0);
        let sql = format!("select count(*) from {{marts.{name}}}");
        let rows = world.query(scenario, &sql).await;
        assert_eq!(json!(rows), json!([[told.unwrap_or(0)]]), "{table}");
    }
}

/// Compares the current rows of every table with the source; gives the number of logged events.
async fn tables_are_the_sources(world: &World, scenario: &str) -> usize {
    let items = "select id::text, name, points::text from items order by id";
    let orders =
        "select order_id::text, item_id::text, amount::text, note from orders order by order_id";
    let lake_items = |table: &str| {
        format!(
            "select cast(id as varchar), name, cast(points as varchar) from {{marts.{table}}} order by id"
        )
    };
    let lake_orders = "select cast(order_id as varchar), cast(item_id as varchar), cast(amount as varchar), note from {marts.orders} order by order_id";
    for (name, source, lake) in [
        ("items", items, lake_items("items")),
        ("shelf", items, lake_items("shelf")),
        ("orders", orders, lake_orders.to_owned()),
    ] {
        let source = rows(world, source).await;
        let lake: Vec<Value> = world
            .query(scenario, &lake)
            .await
            .into_iter()
            .map(Value::from)
            .collect();
        differ(name, &source, &lake);
    }

    rows(world, "select audit_event_id::text from audit_log_dml")
        .await
        .len()
}

/// `except` both ways.
fn differ(table: &str, source: &[Value], lake: &[Value]) {
    let except = |these: &[Value], those: &[Value]| -> Vec<Value> {
        these
            .iter()
            .filter(|row| !those.contains(row))
            .cloned()
            .collect()
    };
    let (missing, too_many) = (except(source, lake), except(lake, source));
    assert!(
        missing.is_empty() && too_many.is_empty() && source.len() == lake.len(),
        "{table}: missing or old {missing:?}, too many {too_many:?}, {} rows instead of {}",
        lake.len(),
        source.len()
    );
}

/// The ids in the audit log, the landing table and the typed log are the same, each once.
async fn events_are_staged_once(world: &World, scenario: &str) {
    for table in ["items", "orders"] {
        let log = format!(
            "select audit_event_id::text from audit_log_dml where tbl_name = '{table}' order by audit_event_id"
        );
        let log = rows(world, &log).await;
        for (place, sql) in [
            (
                "landing",
                format!(
                    "select cast(audit_event_id as varchar) from {{landing.shop_events}} where tbl_name = '{table}' order by audit_event_id"
                ),
            ),
            (
                "staging",
                format!(
                    "select cast(_event_id as varchar) from {{staging.{table}}} order by _event_id"
                ),
            ),
        ] {
            let lake = world.query(scenario, &sql).await;
            let lake: Vec<Value> = lake.into_iter().map(Value::from).collect();
            if lake != log {
                let name = format!("{place} of {table}");
                twice(&name, &lake);
                differ(&name, &log, &lake);
            }
        }
    }
}

fn twice(place: &str, ids: &[Value]) {
    let twice: Vec<_> = ids.windows(2).filter(|two| two[0] == two[1]).collect();
    assert!(
        twice.is_empty(),
        "{place}: {} events are there twice: {twice:?}",
        twice.len()
    );
}

async fn rows(world: &World, sql: &str) -> Vec<Value> {
    let client = world.connect("chaos_shop").await;
    let rows = client.query(sql, &[]).await.expect("rows");

    rows.iter()
        .map(|row| {
            (0..row.len())
                .map(|at| json!(row.get::<_, Option<String>>(at)))
                .collect()
        })
        .collect()
}

/// Starts a run, which must succeed.
async fn succeed(world: &World, path: &str) {
    let mut random = world.random("rest", world.number());
    let heard = world
        .ask(
            &mut random,
            (Method::POST, path),
            (None, Some(&json!({}))),
            TO_END,
        )
        .await
        .expect("an answer");
    assert_eq!(heard.status, 202, "{path}: {}", heard.body);
    world.book.borrow_mut().accepted(&heard.body, None);
    let id = heard.body["id"].as_str().expect("an id").to_owned();
    for _ in 0..40 {
        let run = get(world, &format!("/v1/runs/{id}?wait=20s")).await;
        if run["terminal"] == true {
            assert_eq!(run["state"], "succeeded", "{path}: {run:#}");
            return;
        }
    }
    panic!("run {id} does not end");
}

async fn get(world: &World, path: &str) -> Value {
    let mut random = world.random("rest", world.number());
    for _ in 0..20 {
        let heard = world
            .ask(&mut random, (Method::GET, path), (None, None), TO_END)
            .await;
        match heard {
            Some(heard) if heard.status == 200 => return heard.body,
            // A pool may still hold connections of before.
            Some(heard) if heard.status == 503 => pause(300).await,
            Some(heard) => panic!("{path}: {} {}", heard.status, heard.body),
            None => pause(300).await,
        }
    }
    panic!("{path} is not answered");
}
