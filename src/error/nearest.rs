//! The nearest right name for a mistyped one.

/// The existing name that is most like `name`, if at least half of it is right (Damerau-Levenshtein).
pub fn nearest_name<'a>(name: &str, existing: impl IntoIterator<Item = &'a str>) -> Option<String> {
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
pub(crate) fn did_you_mean<'a>(name: &str, existing: impl IntoIterator<Item = &'a str>) -> String {
    nearest_name(name, existing)
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default()
}

/// Adds the nearest right name to serde's message about an unknown field or word, which lists the expected ones.
pub(crate) fn with_nearest(fault: &str) -> String {
    let near = fault
        .split_once("unknown ")
        .and_then(|(_, rest)| rest.split_once("expected "))
        .and_then(|(unknown, expected)| {
            let unknown = unknown.split('`').nth(1)?;
            let expected = expected.lines().next()?.split(" at line ").next()?;
            let words = expected
                .split([' ', ',', '`'])
                .filter(|word| !word.is_empty() && !["one", "of", "or"].contains(word));
            nearest_name(unknown, words)
        });

    match near {
        Some(name) => format!("{fault}; did you mean `{name}`?"),
        None => fault.to_owned(),
    }
}
