//! The nearest right name for a mistyped one.

/// In bytes.
const LONGEST_NAME: usize = 100;
/// How much of the longer of two names must be right.
const LEAST_LIKENESS: f64 = 0.5;

/// The existing name that is most like `name`, if at least half of it is right (Damerau-Levenshtein).
pub fn nearest_name<'a>(name: &str, existing: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Nobody mistypes such a name, and the comparison takes the square of its length.
    if name.len() > LONGEST_NAME {
        return None;
    }
    existing
        .into_iter()
        .filter(|candidate| may_be_like(name, candidate))
        .map(|candidate| {
            (
                strsim::normalized_damerau_levenshtein(name, candidate),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness > LEAST_LIKENESS)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

/// Whether the lengths allow that half of the longer name is right. Most of many names need no comparison.
fn may_be_like(name: &str, candidate: &str) -> bool {
    let (name, candidate) = (name.chars().count(), candidate.chars().count());

    name.abs_diff(candidate) * 2 < name.max(candidate)
}

/// The end of a message about a mistyped name: `; did you mean `orders`?`, or nothing if no existing name is like it.
pub fn did_you_mean<'a>(name: &str, existing: impl IntoIterator<Item = &'a str>) -> String {
    nearest_name(name, existing)
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_nearest_name_is_found() {
        let names = ["orders", "customers", "order_items"];

        assert_eq!(nearest_name("ordres", names).as_deref(), Some("orders"));
        assert_eq!(
            nearest_name("custmers", names).as_deref(),
            Some("customers")
        );
        assert_eq!(nearest_name("x", names), None);
    }

    #[test]
    fn a_long_name_is_compared_with_none_of_many() {
        let names: Vec<String> = (0..10_000)
            .map(|n| format!("{}{n}", "n".repeat(250)))
            .collect();
        let long = "n".repeat(60_000);
        let begun = Instant::now();

        for name in [long.as_str(), "n"] {
            assert_eq!(nearest_name(name, names.iter().map(String::as_str)), None);
        }

        assert!(begun.elapsed() < Duration::from_secs(1));
    }
}
