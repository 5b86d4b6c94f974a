//! The answers to the callers: accepted runs with their keys, and answers that must not occur.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Kept over the whole test.
#[derive(Default)]
pub(crate) struct Book {
    /// Every run that an answer named.
    pub(crate) accepted: BTreeSet<String>,
    /// The runs in the answers to each key; more than one is a fault.
    pub(crate) keys: BTreeMap<String, BTreeSet<String>>,
    /// Number of answers by request and status.
    pub(crate) answers: BTreeMap<String, u64>,
    /// Answers that said `Idempotency-Replayed: true`.
    pub(crate) replays: u64,
    /// Answers that must not occur.
    pub(crate) oddities: Vec<String>,
    /// Points at which replicas were frozen.
    pub(crate) frozen: BTreeSet<String>,
    /// The faults that the test made, by name.
    pub(crate) faults: BTreeMap<&'static str, u64>,
}

impl Book {
    /// Notes an answer.
    pub(crate) fn answered(&mut self, what: &str, status: &str) {
        *self.answers.entry(format!("{what}: {status}")).or_default() += 1;
    }

    /// Notes that a call was answered by a run.
    pub(crate) fn accepted(&mut self, run: &Value, key: Option<&str>) {
        let Some(id) = run["id"].as_str() else {
            self.odd(format!("an accepted run has no id: {run}"));
            return;
        };
        self.accepted.insert(id.to_owned());
        let Some(key) = key else {
            return;
        };
        let runs = self.keys.entry(key.to_owned()).or_default();
        runs.insert(id.to_owned());
        if runs.len() > 1 {
            let runs = format!("{runs:?}");
            self.odd(format!("key {key} made two runs: {runs}"));
        }
    }

    /// Notes a fault that was made.
    pub(crate) fn made(&mut self, fault: &'static str) {
        *self.faults.entry(fault).or_default() += 1;
    }

    /// Notes an answer that must not occur; the test fails at the next rest.
    pub(crate) fn odd(&mut self, what: String) {
        println!("ODD: {what}");
        self.oddities.push(what);
    }
}
