//! Names the nearest right word in a message about a mistyped one.

use icefront_project::nearest_name;

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
