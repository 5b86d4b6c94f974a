//! How large a value may be with all that is in it: minijinja counts the steps of a template, but not the work within one value.

use minijinja::value::ValueKind;
use minijinja::{Error, Output, State, Value, escape_formatter};

use super::invalid;

/// Values in one value. A list that stands twice in another one counts twice, as it is printed and compared twice.
const MOST_PARTS: usize = 100_000;
/// Lists and maps in each other. More of them could end the stack of what prints them.
const DEEPEST: usize = 100;
/// Parts that are looked at in one step.
const PARTS_PER_STEP: usize = 64;

/// Refuses a value that is too large or too deep.
pub(super) fn check(state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    contains(state, std::slice::from_ref(value), |_| false).map(drop)
}

/// Prints a value that is not too large.
pub(super) fn formatter(
    output: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    check(state, value)?;

    escape_formatter(output, state, value)
}

/// The value that `{% set name.part = … %}` puts into a namespace. A namespace in itself could not be printed.
pub(super) fn held(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    if contains(state, std::slice::from_ref(&value), is_namespace)? {
        return Err(invalid(
            "a namespace cannot be put into a namespace; put a map into it".into(),
        ));
    }

    Ok(value)
}

fn is_namespace(value: &Value) -> bool {
    let object = value.as_object();

    object.is_some_and(|object| object.type_name().ends_with("::Namespace"))
}

/// Whether one of these values, or what is in it, is the one asked for. Refuses values that are too large or too deep together.
pub(super) fn contains(
    state: &State<'_, '_>,
    values: &[Value],
    is_it: impl Fn(&Value) -> bool,
) -> Result<bool, Error> {
    let at = |depth: usize| move |value: Value| Part { value, depth };
    let mut left: Vec<Part> = values.iter().cloned().map(at(0)).collect();
    let mut parts = left.len();
    while let Some(Part { value, depth }) = left.pop() {
        if is_it(&value) {
            return Ok(true);
        }
        let is_map = value.kind() == ValueKind::Map;
        if !is_map && !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
            continue;
        }
        if depth == DEEPEST {
            return Err(invalid(format!(
                "more than {DEEPEST} lists or maps are in each other; does a loop put a list into itself?"
            )));
        }
        for item in value.try_iter()? {
            parts += 1;
            if parts > MOST_PARTS {
                return Err(invalid(format!(
                    "a list or map has more than {MOST_PARTS} values with all that is in it; does a loop put a list into itself?"
                )));
            }
            if parts.is_multiple_of(PARTS_PER_STEP) {
                state.consume_fuel(1)?;
            }
            let item = if is_map { value.get_item(&item)? } else { item };
            left.push(at(depth + 1)(item));
        }
    }

    Ok(false)
}

/// A value in others.
struct Part {
    value: Value,
    depth: usize,
}
