//! The statements below `sql/statements/state/`: one file for each module, in which every statement has a name.
//!
//! ```sql
//! -- name: close_steps
//! -- Ends the steps that attempts before $2 left open.
//! update icefront.steps …
//! ```
//!
//! A statement begins after the line with its name and ends before the next. Most of them have at most eight lines and
//! are read together, so they share a file. A template for Trino has its own file.

/// Takes a statement by file and name: `sql!(steps::close_steps)`. A name that the file lacks does not compile.
macro_rules! sql {
    ($file:ident :: $name:ident) => {
        const {
            $crate::state::sql::named(
                include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/sql/statements/state/",
                    stringify!($file),
                    ".sql"
                )),
                stringify!($name),
            )
        }
    };
}
pub(super) use sql;

const HEADING: &str = "\n-- name: ";

/// Finds the statement with this name in the text of a file.
pub(super) const fn named(file: &'static str, name: &str) -> &'static str {
    let mut at = 0;
    while at < file.len() {
        if starts_at(file, at, HEADING) && starts_at(file, at + HEADING.len(), name) {
            let start = at + HEADING.len() + name.len();
            if starts_at(file, start, "\n") {
                return between(file, start + 1, end(file, start));
            }
        }
        at += 1;
    }

    panic!("the file has no statement of this name")
}

/// The end of the statement that contains `from`.
const fn end(file: &str, from: usize) -> usize {
    let mut at = from;
    while at < file.len() && !starts_at(file, at, HEADING) {
        at += 1;
    }

    at
}

const fn starts_at(text: &str, at: usize, what: &str) -> bool {
    let (text, what) = (text.as_bytes(), what.as_bytes());
    let mut length = 0;
    while length < what.len() {
        if at + length >= text.len() || text[at + length] != what[length] {
            return false;
        }
        length += 1;
    }

    true
}

const fn between(text: &'static str, start: usize, end: usize) -> &'static str {
    text.split_at(end).0.split_at(start).1
}

#[cfg(test)]
mod tests {
    use super::named;

    const FILE: &str = "-- Head.\n\n-- name: read_all\nselect 1\n\n-- name: read\nselect 2\n";

    #[test]
    fn a_statement_is_found_by_its_whole_name() {
        assert_eq!(named(FILE, "read_all"), "select 1\n");
        assert_eq!(named(FILE, "read"), "select 2\n");
    }

    #[test]
    #[should_panic(expected = "no statement")]
    fn the_beginning_of_a_name_finds_nothing() {
        named(FILE, "read_a");
    }
}
