//! The nearest right name for a mistyped one.

/// In bytes.
const LONGEST_NAME: usize = 100;

/// The existing name that is most like `name`, if at least half of it is right (Damerau-Levenshtein).
pub fn nearest_name<'a>(name: &str, existing: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Nobody mistypes such a name, and the comparison takes the square of its length.
    if name.len() > LONGEST_NAME {
        return None;
    }
    existing
        .into_iter()
        .map(|candidate| {
            (
                strsim::normalized_damerau_levenshtein(name, candidate),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

/// The end of a message about a mistyped name: `; did you mean `orders`?`, or nothing if no existing name is like it.
pub fn did_you_mean<'a>(name: &str, existing: impl IntoIterator<Item = &'a str>) -> String {
    nearest_name(name, existing)
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default()
}
