//! Checks that a rendered model or test is one query.

use crate::fault::Fault;
use crate::files::File;
use crate::render::Rendered;

/// The SQL of a rendered file of this kind, a `model` or a `test`.
pub(crate) fn query_of(kind: &str, file: &File, rendered: &Rendered) -> Result<String, Fault> {
    match &rendered.fault {
        Some(fault) => Err(fault.clone()),
        None => one_query(kind, &rendered.sql).map_err(|message| Fault::new(&file.place, message)),
    }
}

/// The text without the `;` at its end. Another one would begin a second statement.
fn one_query(kind: &str, sql: &str) -> Result<String, String> {
    let sql = sql.trim();
    let sql = sql.strip_suffix(';').unwrap_or(sql).trim_end();
    let bare = without_quoted(sql);
    if bare.contains(';') {
        return Err(format!("a {kind} is one query; remove what is behind `;`"));
    }
    let first = bare.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
    let word: String = first
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    match word.to_ascii_lowercase().as_str() {
        "select" | "with" | "values" => Ok(sql.to_owned()),
        "" => Err(format!("the {kind} is empty; write one `select`")),
        _ => Err(format!(
            "a {kind} is one `select`, and this one begins with `{word}`"
        )),
    }
}

/// Finds a fault of an expression without asking a server.
pub(crate) fn expression_fault(sql: &str) -> Option<&'static str> {
    let bare = without_quoted(sql);
    if bare.trim().is_empty() && !sql.contains(['\'', '"']) {
        return Some("is empty; write a value, or remove it");
    }
    if bare.contains(';') {
        return Some("has `;`; write one expression");
    }
    let mut open = 0_usize;
    for letter in bare.chars() {
        open = match letter {
            '(' => open + 1,
            ')' => match open.checked_sub(1) {
                Some(open) => open,
                None => return Some("has a `)` without its `(`"),
            },
            _ => open,
        };
    }

    (open > 0).then_some("has a `(` without its `)`")
}

/// The text without comments and without what stands in quotes.
fn without_quoted(sql: &str) -> String {
    let mut bare = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(next) = rest.chars().next() {
        let end = match next {
            '\'' | '"' => rest[1..].find(next).map(|at| at + 2),
            '-' if rest.starts_with("--") => rest.find('\n'),
            '/' if rest.starts_with("/*") => rest[2..].find("*/").map(|at| at + 4),
            other => {
                bare.push(other);
                rest = &rest[other.len_utf8()..];
                continue;
            }
        };
        rest = end.map_or("", |end| &rest[end..]);
        bare.push(' ');
    }

    bare
}
