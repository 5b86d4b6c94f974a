//! Which files belong to which table, and which folders can have them.

use std::collections::BTreeMap;

use glob::{MatchOptions, Pattern};

use crate::pipeline::Table;

/// Which files belong to a table.
pub(super) struct TablePattern<'a> {
    pub(super) table: &'a str,
    pub(super) pattern: Pattern,
}

impl<'a> TablePattern<'a> {
    /// The patterns of a pipeline's tables.
    pub(super) fn of(tables: &'a BTreeMap<String, Table>) -> Vec<Self> {
        let patterns = tables.iter().filter_map(|(name, table)| {
            Some(Self {
                table: name,
                pattern: Pattern::new(table.files.as_deref()?).ok()?,
            })
        });

        patterns.collect()
    }

    /// Whether the pattern names a file by its path below the folder.
    pub(super) fn matches(&self, name: &str) -> bool {
        let options = MatchOptions {
            require_literal_separator: true,
            ..MatchOptions::new()
        };

        self.pattern.matches_with(name, options)
    }
}

/// Whether files in this folder can match `pattern`. Other folders, such as `lost+found`, are not read.
pub(super) fn may_hold(pattern: &Pattern, names: &[&str]) -> bool {
    let mut parts = pattern.as_str().split('/').peekable();
    for name in names {
        match parts.next() {
            Some("**") => return true,
            Some(part) if parts.peek().is_some() => {
                match Pattern::new(part) {
                    Ok(part) if !part.matches(name) => return false,
                    Ok(_) => {}
                    // A slash between brackets does not end a name.
                    Err(_) => return true,
                }
            }
            _ => return false,
        }
    }

    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_on_the_way_to_a_file_that_a_pattern_names_is_looked_into() {
        for (pattern, file) in [
            ("orders/*.csv", "orders/a.csv"),
            ("**/*.csv", "a/b/c.csv"),
            ("a/**/c/*.csv", "a/b/b/c/d.csv"),
            ("202?/[0-9]*/x.csv", "2026/07/x.csv"),
            ("[!/]*/[!/]*/x.csv", "a/b/x.csv"),
        ] {
            let pattern = Pattern::new(pattern).expect("a pattern");
            assert!(pattern.matches(file), "{pattern} {file}");
            let names: Vec<&str> = file.split('/').collect();
            for depth in 1..names.len() {
                assert!(may_hold(&pattern, &names[..depth]), "{pattern} {depth}");
            }
        }
        let orders = Pattern::new("orders/*.csv").expect("a pattern");
        assert!(!may_hold(&orders, &["lost+found"]));
        assert!(!may_hold(&orders, &["orders", "old"]));
    }
}
