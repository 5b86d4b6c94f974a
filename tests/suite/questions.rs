//! No question of a caller takes the service down: names are cut, and slow questions end and occupy nothing that runs need.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;

use reqwest::Method;

use crate::harness::{ITEMS, KeyFile, Service, insert};

/// Every question about consumers takes a minute.
const SLOW_CONSUMERS: &str = "
alter table icefront.consumers rename to kept_consumers;
create view icefront.consumers as
select kept.* from pg_sleep(60) as wait left join icefront.kept_consumers as kept on true;
";

#[tokio::test]
async fn a_name_of_sixty_kilobytes_is_answered_briefly_and_at_once() {
    let service = Service::items().start().await;
    let long = "n".repeat(60_000);
    let runs = format!("/v1/pipelines/{}/runs", service.name);
    let begun = Instant::now();

    let answers = [
        service.get(&format!("/{long}")).await,
        service.get(&format!("/v1/pipelines/{long}")).await,
        service.get(&format!("/v1/runs?pipeline={long}")).await,
        service.get(&format!("/v1/runs?state={long}")).await,
        service.get(&format!("/v1/runs?{long}=1")).await,
        service.post(&runs, &json!({&long: 1})).await,
        service.post(&runs, &json!({"select": [&long]})).await,
        service.post(&runs, &json!({"full_refresh": &long})).await,
    ];

    assert!(begun.elapsed() < Duration::from_secs(5));
    for answer in answers {
        let length = answer.body.to_string().len();
        assert!((400..500).contains(&answer.status), "{}", answer.status);
        assert!(length < 10_000, "{}: {length}", &answer.asked[..100]);
    }
    let pipeline = service.get(&format!("/v1/pipelines/{long}")).await;
    pipeline
        .is_problem(404, "not-found")
        .saying(&format!("there is no pipeline `{}…`", "n".repeat(200)));
}

#[tokio::test]
async fn a_question_that_takes_too_long_ends_and_takes_neither_readiness_nor_runs() {
    let service = Service::items()
        .defined(&format!("{ITEMS}poll: 1s\n"))
        .start()
        .await;
    service.ready().await;
    let state = service.connect_to_state().await;
    state.batch_execute(SLOW_CONSUMERS).await.expect("slow");
    let questions = join_all((0..6).map(|_| service.get("/v1/consumers")));
    let others = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        service.log(&[insert(1, 1, 1, "a")]).await;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(15) {
            let asked = Instant::now();
            service.get("/readyz").await.has_status(200);
            assert!(asked.elapsed() < Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        service.count("marts.items").await
    };

    let (answers, published) = tokio::join!(questions, others);

    assert_eq!(published, 1, "the poll's run ended meanwhile");
    let mut problems: Vec<_> = answers.iter().map(|answer| answer.problem()).collect();
    problems.sort_unstable();
    let (busy, late) = ("state-unavailable", "timed-out");
    assert_eq!(problems, [busy, busy, late, late, late, late]);
    for answer in answers.iter().filter(|answer| answer.problem() == late) {
        answer.is_problem(504, late).saying("ask for less");
    }
}

#[tokio::test]
async fn a_caller_whose_questions_are_slow_leaves_the_state_database_to_others() {
    let mut keys = KeyFile::new();
    let slow = keys.add("slow", &["admin:*"], &[]);
    let quick = keys.add("quick", &["admin:*"], &[]);
    let service = Service::items().settings(&keys.settings()).start().await;
    let state = service.connect_to_state().await;
    state.batch_execute(SLOW_CONSUMERS).await.expect("slow");
    let asked =
        |key: &str, path: &str| service.call(service.request(Method::GET, path).bearer_auth(key));
    let questions = join_all((0..20).map(|_| asked(&slow, "/v1/consumers")));
    let others = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for _ in 0..10 {
            let begun = Instant::now();
            asked(&quick, "/v1/runs").await.has_status(200);
            // Nobody waited for a turn.
            assert!(begun.elapsed() < Duration::from_secs(4));
        }
    };

    let (answers, ()) = tokio::join!(questions, others);

    let told = |problem: &str| {
        answers
            .iter()
            .filter(|answer| answer.problem() == problem)
            .count()
    };
    assert_eq!(told("timed-out"), 2, "half of the connections for calls");
    assert_eq!(told("too-many-calls"), 18);
}
