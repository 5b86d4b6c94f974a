//! Callers that start runs without pause: with own and shared keys, again after a lost answer, and from several sides.

use std::time::Duration;

use futures::future::join_all;
use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{PIPELINES, World, pause};

const CALLERS: u64 = 4;
/// Number of calls that share a key.
const SHARE: u64 = 3;
/// Also the longest wait of a caller for a frozen replica.
const PATIENCE: Duration = Duration::from_secs(6);

/// The answer of a service.
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) is_replayed: bool,
    pub(crate) body: Value,
}

/// A requested run. One key always requests the same run.
struct Ask {
    pipeline: &'static str,
    key: Option<String>,
    body: Value,
}

/// Calls until the world rests.
pub(crate) async fn call(world: &World, part: u64) {
    let callers = (0..CALLERS).map(|caller| async move {
        let mut random = world.random("caller", part * CALLERS + caller);
        while !world.rests.get() {
            let ask = ask(world, &mut random);
            if let Some(run) = trigger(world, &ask, &mut random).await {
                match random.random_range(0..20) {
                    0 | 1 => {}
                    2 if ask.key.is_some() => reuse(world, &ask, &mut random).await,
                    _ => follow(world, &run, &mut random).await,
                }
            }
            meddle(world, &mut random).await;
        }
    });
    join_all(callers).await;
}

fn ask(world: &World, random: &mut StdRng) -> Ask {
    let number = world.number();
    if random.random_range(0..4) == 0 {
        let if_running = ["queue", "attach", "reject"][random.random_range(0..3)];
        return Ask {
            pipeline: PIPELINES[random.random_range(0..2)],
            key: None,
            body: json!({"if_running": if_running}),
        };
    }
    // Neighbours in time have the same key, mostly from several callers at once.
    let number = number / SHARE;
    let key = format!("key-{}-{number}", world.seed);
    let on_failed = if number.is_multiple_of(2) {
        "rerun"
    } else {
        "return"
    };
    let if_running = if number.is_multiple_of(5) {
        "attach"
    } else {
        "queue"
    };

    Ask {
        pipeline: PIPELINES[usize::from(number.is_multiple_of(3))],
        body: json!({"labels": {"key": key}, "on_failed": on_failed, "if_running": if_running}),
        key: Some(key),
    }
}

/// Requests a run. With a key it repeats the request until a replica answers; without a key it asks once. Gives the run's id.
async fn trigger(world: &World, ask: &Ask, random: &mut StdRng) -> Option<String> {
    let path = format!("/v1/pipelines/{}/runs", ask.pipeline);
    loop {
        // Now and then the answer comes too late for who asked.
        let patience = match random.random_range(0..8) {
            0 => Duration::from_millis(random.random_range(1..40)),
            _ => PATIENCE,
        };
        let heard = world
            .ask(
                random,
                (Method::POST, &path),
                (ask.key.as_deref(), Some(&ask.body)),
                patience,
            )
            .await;
        match heard {
            Some(heard) if matches!(heard.status, 200 | 202) => {
                let mut book = world.book.borrow_mut();
                book.accepted(&heard.body, ask.key.as_deref());
                book.replays += u64::from(heard.is_replayed);
                return heard.body["id"].as_str().map(ToOwned::to_owned);
            }
            Some(heard) if matches!(heard.status, 409 | 429 | 503) => {
                pause(random.random_range(100..400)).await;
            }
            Some(heard) => {
                let told = format!("POST {path} {}: {} {}", ask.body, heard.status, heard.body);
                world.book.borrow_mut().odd(told);
            }
            None => pause(random.random_range(20..200)).await,
        }
        if ask.key.is_none() || world.rests.get() {
            return None;
        }
    }
}

/// The same key with another body is refused.
async fn reuse(world: &World, ask: &Ask, random: &mut StdRng) {
    let path = format!("/v1/pipelines/{}/runs", ask.pipeline);
    let other = json!({"labels": {"key": "another"}});
    let heard = world
        .ask(
            random,
            (Method::POST, &path),
            (ask.key.as_deref(), Some(&other)),
            PATIENCE,
        )
        .await;
    if let Some(heard) = heard
        && !matches!(heard.status, 422 | 503)
    {
        let told = format!("a key with another body: {} {}", heard.status, heard.body);
        world.book.borrow_mut().odd(told);
    }
}

/// Waits at any replica for the end of a run, and checks the end.
async fn follow(world: &World, run: &str, random: &mut StdRng) {
    let path = format!("/v1/runs/{run}?wait=3s");
    while !world.rests.get() {
        let heard = world
            .ask(random, (Method::GET, &path), (None, None), PATIENCE)
            .await;
        match heard {
            Some(heard) if heard.status == 200 && heard.body["terminal"] == true => {
                ended(world, &heard.body);
                if heard.body["succeeded"] == true {
                    world.successes.set(world.successes.get() + 1);
                } else {
                    pause(random.random_range(300..1_500)).await;
                }
                return;
            }
            Some(heard) if matches!(heard.status, 200 | 503) => {}
            Some(heard) => {
                let told = format!("GET {path}: {} {}", heard.status, heard.body);
                world.book.borrow_mut().odd(told);
                return;
            }
            None => {}
        }
        pause(100).await;
    }
}

/// A run may fail only because of the faults that the test made.
pub(crate) fn ended(world: &World, run: &Value) {
    if run["state"] == "failed" && run["error"]["retryable"] != true {
        let told = format!("run {} failed for good: {}", run["id"], run["error"]);
        world.book.borrow_mut().odd(told);
    }
}

/// Sometimes cancels or retries a run.
async fn meddle(world: &World, random: &mut StdRng) {
    let what = match random.random_range(0..12) {
        0 => "cancel",
        1 | 2 => "retry",
        _ => return,
    };
    let run = {
        let book = world.book.borrow();
        let newest: Vec<_> = book.accepted.iter().rev().take(8).collect();
        if newest.is_empty() {
            return;
        }
        newest[random.random_range(0..newest.len())].clone()
    };
    let path = format!("/v1/runs/{run}/{what}");
    let heard = world
        .ask(random, (Method::POST, &path), (None, None), PATIENCE)
        .await;
    match heard {
        Some(heard) if matches!(heard.status, 200 | 202) => {
            let name = if what == "cancel" {
                "cancel calls"
            } else {
                "retry calls"
            };
            world.book.borrow_mut().made(name);
        }
        Some(heard) if !matches!(heard.status, 409 | 429 | 503) => {
            let told = format!("POST {path}: {} {}", heard.status, heard.body);
            world.book.borrow_mut().odd(told);
        }
        _ => {}
    }
}

impl World {
    /// Asks any replica; gives `None` if no answer comes in time.
    pub(crate) async fn ask(
        &self,
        random: &mut StdRng,
        (method, path): (Method, &str),
        (key, body): (Option<&str>, Option<&Value>),
        patience: Duration,
    ) -> Option<Heard> {
        let address = self.any_replica(random)?.address()?;
        let what = format!("{method} {}", path.split('/').nth(4).unwrap_or("run"));
        let mut request = self
            .http
            .request(method, format!("http://{address}{path}"))
            .timeout(patience);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let heard = hear(request).await;
        let status = heard
            .as_ref()
            .map_or("none".to_owned(), |heard| heard.status.to_string());
        self.book.borrow_mut().answered(&what, &status);

        heard
    }
}

async fn hear(request: reqwest::RequestBuilder) -> Option<Heard> {
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    let is_replayed = answer
        .headers()
        .get("Idempotency-Replayed")
        .is_some_and(|replayed| replayed == "true");

    Some(Heard {
        status,
        is_replayed,
        body: answer.json().await.ok()?,
    })
}
