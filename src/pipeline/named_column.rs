//! The columns that Trino's `partitioning` and `sorted_by` name.

/// The column by which rows are partitioned, such as that of `month(ordered_on)`; `None` if Trino knows no partitioning of this form.
pub(super) fn partition_column(written: &str) -> Option<String> {
    let Some((function, arguments)) = call(written) else {
        return identifier(written);
    };
    match function.to_lowercase().as_str() {
        "year" | "month" | "day" | "hour" => identifier(arguments),
        "bucket" | "truncate" => {
            let (column, number) = arguments.rsplit_once(',')?;
            let number: u32 = number.trim().parse().ok()?;
            identifier(column).filter(|_| number > 0)
        }
        _ => None,
    }
}

/// The column by which rows are sorted, such as that of `ordered_on DESC NULLS LAST`; `None` if Trino knows no order of this form.
pub(super) fn sort_column(written: &str) -> Option<String> {
    let (column, order) = split_quoted(written.trim()).or_else(|| {
        let written = written.trim();
        let end = written.find(char::is_whitespace).unwrap_or(written.len());
        Some(written.split_at(end))
    })?;
    let order = order.to_lowercase();
    let words: Vec<&str> = order.split_whitespace().collect();
    let nulls = match words.first() {
        Some(&"asc" | &"desc") => &words[1..],
        _ => &words[..],
    };
    let is_known = matches!(nulls, [] | ["nulls", "first" | "last"]);

    identifier(column).filter(|_| is_known)
}

/// The name of a function, and what is between its parentheses.
fn call(written: &str) -> Option<(&str, &str)> {
    let (function, rest) = written.split_once('(')?;
    let is_name = function.chars().all(|c| c.is_ascii_alphabetic());

    Some((function, rest.strip_suffix(')')?)).filter(|_| is_name)
}

/// A name in quotes, and what comes behind it.
fn split_quoted(written: &str) -> Option<(&str, &str)> {
    let mut is_inside = written.starts_with('"');
    if !is_inside {
        return None;
    }
    for (at, character) in written.char_indices().skip(1) {
        match character {
            '"' => is_inside = !is_inside,
            _ if !is_inside => return Some(written.split_at(at)),
            _ => {}
        }
    }

    (!is_inside).then_some((written, ""))
}

/// The column that a name in SQL stands for.
fn identifier(written: &str) -> Option<String> {
    if let Some((quoted, "")) = split_quoted(written) {
        let inside = quoted.strip_prefix('"')?.strip_suffix('"')?;
        return Some(inside.replace("\"\"", "\""));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins_right = written.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');

    (begins_right && written.chars().all(is_plain)).then(|| written.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_of_a_partitioning_is_known_in_each_form() {
        for (written, column) in [
            ("region", Some("region")),
            ("Region", Some("region")),
            ("month(ordered_on)", Some("ordered_on")),
            ("bucket(order_id, 16)", Some("order_id")),
            ("truncate(\"a, (b)\"\"\",4)", Some("a, (b)\"")),
            ("\"month(x)\"", Some("month(x)")),
            ("monht(ordered_on)", None),
            ("bucket(order_id)", None),
            ("bucket(order_id, 0)", None),
            ("bucket(order_id, x)", None),
            ("order id", None),
            ("month()", None),
            ("\"open", None),
            ("", None),
        ] {
            assert_eq!(partition_column(written).as_deref(), column, "{written}");
        }
    }

    #[test]
    fn the_column_of_an_order_is_known_in_each_form() {
        for (written, column) in [
            ("a", Some("a")),
            ("a desc", Some("a")),
            (" a ASC  NULLS LAST ", Some("a")),
            ("\"a b\" nulls first", Some("a b")),
            ("\"a b\"", Some("a b")),
            ("a up", None),
            ("a desc nulls", None),
            ("month(a)", None),
            ("", None),
        ] {
            assert_eq!(sort_column(written).as_deref(), column, "{written}");
        }
    }
}
