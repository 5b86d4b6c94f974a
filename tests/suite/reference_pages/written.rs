//! Pages that people write: they have every name of the code, and their examples work.

use std::collections::BTreeSet;
use std::path::Path;

use icefront::config::Config;
use icefront::pipeline::{self, Checked, Definition, Reader};
use serde_json::Value;

use super::{reference, repository, rust_files};

const SETTINGS: &str = r#"
state.url = "postgres://localhost/icefront"
trino = { url = "http://localhost:8080", catalog = "lake" }
files.roots = ["file:///"]
landing = { write_to = "file:///landing", read_from = "local:///landing" }
connections = { shop = { url = "postgres://localhost/shop" }, crm = { url = "postgres://localhost/crm" } }
"#;

#[test]
fn every_check_of_a_source_is_on_its_page() {
    let page = std::fs::read_to_string(reference().join("rights.md")).expect("a page");
    let document = icefront::http::openapi().expect("a document");
    let calls = [
        "Finding::pass(",
        "Finding::warn(",
        "Finding::error(",
        "lacks(",
    ];
    let names: BTreeSet<String> = rust_files()
        .iter()
        .flat_map(|file| strings_after(file, &calls))
        .collect();

    assert!(!names.is_empty());
    for name in names {
        assert!(
            page.contains(&format!("`{name}`")),
            "docs/reference/rights.md does not have the check `{name}`"
        );
        assert!(
            document.contains(&format!("\"{name}\"")),
            "the enum `Check` of src/source/finding.rs does not have `{name}`"
        );
    }
}

#[test]
fn every_field_of_a_pipeline_is_on_its_page() {
    let page = std::fs::read_to_string(reference().join("pipeline.md")).expect("a page");
    let names = words(&pipeline::schema());

    assert!(names.len() > 80, "{names:?}");
    for name in names {
        let is_there = [
            format!("`{name}`"),
            format!("{name}:"),
            format!("`{name}: "),
        ];
        assert!(
            is_there.iter().any(|word| page.contains(word)),
            "docs/reference/pipeline.md does not have `{name}`"
        );
    }
}

/// The names of all fields of a JSON Schema, and the words of its enums.
fn words(schema: &Value) -> BTreeSet<String> {
    // A field may be called `properties`, too.
    let is_object = schema["type"] == "object" || schema["type"].is_array();
    let properties = schema["properties"].as_object().filter(|_| is_object);
    let properties = properties.into_iter().flatten();
    let mut words: BTreeSet<String> = properties.map(|(name, _)| name.clone()).collect();
    let of_enum = schema["enum"].as_array().into_iter().flatten();
    let texts = of_enum.chain([&schema["const"]]).filter_map(Value::as_str);
    words.extend(texts.map(str::to_owned));
    match schema {
        Value::Object(members) => words.extend(members.values().flat_map(self::words)),
        Value::Array(members) => words.extend(members.iter().flat_map(self::words)),
        _ => {}
    }

    words
}

#[test]
fn every_pipeline_in_the_documentation_can_be_used() {
    let mut read_ones = 0;
    let mut folders = vec![repository().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let blocks = text
                .split("```yaml\n")
                .skip(1)
                .filter_map(|block| block.split_once("```"));
            for (block, _) in blocks.filter(|(block, _)| block.starts_with("pipeline:")) {
                read(block).unwrap_or_else(|fault| panic!("{}: {fault}\n{block}", path.display()));
                read_ones += 1;
            }
        }
    }

    assert!(read_ones > 2);
}

/// Reads a definition, whose first line is its name.
pub(crate) fn read(definition: &str) -> Result<Definition, String> {
    let work = tempfile::tempdir().expect("a folder");
    let settings = work.path().join("icefront.toml");
    std::fs::write(&settings, SETTINGS).expect("a file");
    let name = definition
        .lines()
        .next()
        .and_then(|line| line.split_once(": "))
        .expect("a name")
        .1;
    let folder = work.path().join(name.trim());
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("pipeline.yaml"), definition).expect("a file");
    let config = Config::load(Some(Path::new(&settings))).expect("settings");

    let checked = Checked::read(&folder, &config, |_| Reader::Trusted);

    checked.definition.ok_or_else(|| {
        let findings = checked.findings.iter().map(ToString::to_string);
        findings.collect::<Vec<_>>().join("\n")
    })
}

/// The first argument of each call, if it is a text.
fn strings_after(source: &str, calls: &[&str]) -> Vec<String> {
    calls
        .iter()
        .flat_map(|call| source.split(call).skip(1))
        .filter_map(|rest| rest.trim_start().strip_prefix('"'))
        .filter_map(|rest| rest.split_once('"'))
        .map(|(name, _)| name.to_owned())
        .collect()
}
