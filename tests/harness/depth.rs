//! The depth of tests: small by default, large with `make test-nightly`.

/// The number in an environment variable, or the default.
fn depth(variable: &str, by_day: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
        Err(_) => by_day,
    }
}

/// Number of random histories per table: `ICEFRONT_TEST_SEEDS`.
pub(crate) fn seeds(by_day: u64) -> u64 {
    depth("ICEFRONT_TEST_SEEDS", by_day)
}

/// Number of rounds of a race: `ICEFRONT_TEST_ROUNDS`.
pub(crate) fn rounds(by_day: u64) -> u64 {
    depth("ICEFRONT_TEST_ROUNDS", by_day)
}

/// Number of deliveries of a random history: `ICEFRONT_TEST_BATCHES`.
pub(crate) fn batches(by_day: usize) -> usize {
    let by_day = u64::try_from(by_day).expect("small");

    usize::try_from(depth("ICEFRONT_TEST_BATCHES", by_day)).expect("small")
}

/// Factor for the size of big loads: `ICEFRONT_TEST_SIZE`.
pub(crate) fn size() -> u64 {
    depth("ICEFRONT_TEST_SIZE", 1)
}

/// Whether this run is a deep one, which takes every variant.
pub(crate) fn is_deep() -> bool {
    size() > 1
}
