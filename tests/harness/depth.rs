//! How deep tests go: little by day, a lot by `make test-nightly`.

/// A number that an environment variable may set, else the one by day.
fn depth(variable: &str, by_day: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
        Err(_) => by_day,
    }
}

/// How many random histories a table gets: `ICEFRONT_TEST_SEEDS`.
pub(crate) fn seeds(by_day: u64) -> u64 {
    depth("ICEFRONT_TEST_SEEDS", by_day)
}

/// How often a race is run: `ICEFRONT_TEST_ROUNDS`.
pub(crate) fn rounds(by_day: u64) -> u64 {
    depth("ICEFRONT_TEST_ROUNDS", by_day)
}

/// In how many deliveries random histories come: `ICEFRONT_TEST_BATCHES`.
pub(crate) fn batches(by_day: usize) -> usize {
    let by_day = u64::try_from(by_day).expect("small");

    usize::try_from(depth("ICEFRONT_TEST_BATCHES", by_day)).expect("small")
}

/// How many times as large big loads are: `ICEFRONT_TEST_SIZE`.
pub(crate) fn size() -> u64 {
    depth("ICEFRONT_TEST_SIZE", 1)
}
