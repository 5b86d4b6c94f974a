//! Random queries over random tables and changes: the affected scopes explain all that differs, and computing them again is enough.
//!
//! `ICEFRONT_TEST_SEEDS` says how many; `ICEFRONT_TEST_SEED` repeats one.

use futures::StreamExt;
use icefront_queries::Generator;

use crate::trial::{Outcome, Trial};

/// Queries that Trino runs at once.
const AT_ONCE: usize = 4;
const BY_DAY: u64 = 60;

#[derive(Default, Debug)]
struct Count {
    incremental: u32,
    full: u32,
    refused: u32,
}

#[tokio::test]
async fn random_changes_affect_no_scope_but_those_that_are_found() {
    let read = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().expect("a number"))
    };
    let seeds: Vec<u64> = if let Some(seed) = read("ICEFRONT_TEST_SEED") {
        vec![seed]
    } else {
        let first = u64::from(rand::random::<u32>());
        (first..first + read("ICEFRONT_TEST_SEEDS").map_or(BY_DAY, |seeds| seeds * 10)).collect()
    };
    let mut count = Count::default();
    let mut wrong = Vec::new();
    let mut trials = futures::stream::iter(seeds.into_iter().map(tried)).buffer_unordered(AT_ONCE);
    while let Some((seed, outcome)) = trials.next().await {
        match outcome {
            Ok(Outcome::Full(_)) => count.full += 1,
            Ok(Outcome::Refused(_)) => count.refused += 1,
            Ok(Outcome::Incremental(_)) => count.incremental += 1,
            Err(story) => wrong.push(format!("ICEFRONT_TEST_SEED={seed}: {story}")),
        }
    }
    println!("{count:?}");
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
    assert!(count.incremental > 0, "no query was incremental: {count:?}");
}

/// The first of the query's columns, alone or with another, that is a scope.
async fn tried(seed: u64) -> (u64, Result<Outcome, String>) {
    let mut trial = Trial::of(Generator::new(seed).case());
    let mut names: Vec<_> = trial
        .output
        .iter()
        .map(|column| column.name.clone())
        .collect();
    let shift = usize::try_from(seed / 7).expect("64 bits") % names.len();
    names.rotate_left(shift);
    let mut outcome = Outcome::Refused("it has no column".into());
    for pair in [false, true] {
        for at in 0..names.len() {
            trial.scope = vec![names[at].clone()];
            if pair {
                trial.scope.push(names[(at + 1) % names.len()].clone());
            }
            if let Err(reason) = trial.model() {
                outcome = Outcome::Full(reason);
                continue;
            }
            outcome = trial.run().await;
            let Outcome::Incremental(found) = &outcome else {
                break;
            };
            if !found.is_right() {
                let story = format!(
                    "{}\n  scope {:?}, {:?}\n  {:#?}\n  {:?} differ, found {:?}, recomputed {}\n  {}",
                    trial.sql,
                    trial.scope,
                    trial.dates,
                    trial.tables,
                    found.differing,
                    found.affected,
                    found.is_recomputed,
                    found.story
                );
                return (seed, Err(story));
            }
            return (seed, Ok(outcome));
        }
    }

    (seed, Ok(outcome))
}
