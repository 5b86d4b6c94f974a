//! The OpenAPI document in the repository is the one that the service serves, and keeps the conventions.

mod conventions;
pub(super) mod walk;

use icefront::error::TRINO_CLASSES;
use icefront::http;

#[test]
fn the_document_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json");
    let now = http::openapi().expect("a document");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    if now != kept {
        std::fs::write(path, now).expect("a file");
        panic!(
            "openapi/openapi.json was out of date and has been written anew: review and commit it"
        );
    }
}

#[test]
fn every_error_of_trino_that_is_told_apart_is_documented_in_its_class() {
    let page = include_str!("../../../docs/explanation/runs.md");

    for (class, names) in TRINO_CLASSES {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{}` |", class.as_str())))
            .unwrap_or_else(|| panic!("no row for {class:?}"));
        for name in *names {
            assert!(row.contains(&format!("`{name}`")), "{name}: {row}");
        }
    }
}
