//! Which files belong to which table, and which folders can have them.

use std::collections::BTreeMap;

use glob::{MatchOptions, Pattern};
use object_store::path::Path;

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

/// The folders that hold all files of tables, none below another: those before the first wildcard of each pattern.
pub(super) fn branches(root: &Path, patterns: &[TablePattern<'_>]) -> Vec<Path> {
    let mut folders: Vec<Path> = patterns
        .iter()
        .map(|named| {
            let pattern = named.pattern.as_str();
            let fixed = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
            let below = pattern[..fixed]
                .rsplit_once('/')
                .map_or("", |split| split.0);
            Path::parse(format!("{root}/{below}")).unwrap_or_else(|_| root.clone())
        })
        .collect();
    folders.sort();
    folders.dedup();
    let all = folders.clone();
    folders.retain(|folder| {
        !all.iter()
            .any(|above| above != folder && folder.prefix_matches(above))
    });

    folders
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
    fn branches_hold_the_files_of_all_tables_and_do_not_overlap() {
        let branches = |patterns: &[&str]| -> Vec<String> {
            let patterns: Vec<TablePattern<'_>> = patterns
                .iter()
                .map(|pattern| TablePattern {
                    table: "a",
                    pattern: Pattern::new(pattern).expect("a pattern"),
                })
                .collect();
            let found = super::branches(&Path::from("drops"), &patterns);
            found.iter().map(ToString::to_string).collect()
        };

        assert_eq!(branches(&["orders*.csv", "a/b/*.csv"]), ["drops"]);
        assert_eq!(
            branches(&["orders/2026-*/*", "orders/*.csv", "items/all.csv"]),
            ["drops/items", "drops/orders"]
        );
    }

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
