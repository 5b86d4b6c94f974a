//! Which files are read, and what may be in them.

use serde_json::json;

use crate::{faults, lines, read, read_with, rendered, sql};

#[test]
fn a_file_that_leads_out_of_the_project_is_not_read() {
    let outside = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(outside.path(), "select 1 as secret").expect("a file");
    let folder = tempfile::TempDir::new().expect("a folder");
    std::fs::create_dir(folder.path().join("models")).expect("a folder");
    std::os::unix::fs::symlink(outside.path(), folder.path().join("models/m.sql")).expect("a link");
    std::os::unix::fs::symlink(".", folder.path().join("models/again")).expect("a link");
    std::os::unix::fs::symlink(".", folder.path().join("models/and_again")).expect("a link");
    let project =
        icefront_project::Project::read(folder.path(), "shop", &crate::known()).expect("right");
    assert!(project.models.is_empty());
}

#[test]
fn a_byte_order_mark_at_the_start_is_skipped() {
    let files = [
        ("models/m.sql", "\u{feff}select {{ var('a') }} as a"),
        (
            "models/m.yml",
            "\u{feff}models: [{name: m, description: x}]",
        ),
        ("dbt_project.yml", "\u{feff}vars: {a: 1}"),
    ];
    assert_eq!(sql(&files), "select 1 as a");
    let project = read(&files).expect("right");
    let description = project.models[0].properties.description.as_deref();
    assert_eq!(description, Some("x"));
}

#[test]
fn a_folder_that_is_too_deep_is_named() {
    let folder = |depth: usize| format!("models{}", "/a".repeat(depth));
    let file = |depth: usize| format!("{}/m.sql", folder(depth));
    assert_eq!(sql(&[(&file(20), "select 1 as a")]), "select 1 as a");
    assert_eq!(
        faults(&[(&file(22), "select 1 as a")]),
        format!(
            "{}: the folder is more than 20 folders deep; move its files up",
            folder(21)
        )
    );
}

#[test]
fn control_characters_are_refused_with_file_and_line() {
    assert_eq!(
        faults(&[("models/m.sql", "select\n1 as a -- \0")]),
        "models/m.sql:2: the file has the control character U+0000; remove it"
    );
    let m = ("models/m.sql", "select 1 as a");
    for (yaml, fault) in [
        (
            "models:\n- name: m\n  description: \"a\\0b\"",
            "models/m.yml:3: `models[0].description` has the control character U+0000; remove it",
        ),
        (
            "models:\n- name: m\n  data_tests:\n  - dbt_utils.expression_is_true:\n      expression: a > 1\n      name: \"x\\u0007\"",
            "models/m.yml:6: `models[0].data_tests[0].dbt_utils.expression_is_true.name` has the control character U+0007; remove it",
        ),
        (
            "models: [{name: m, config: {tags: [a, \"\\x1F\"]}}]",
            "models/m.yml:1: `models[0].config.tags[1]` has the control character U+001F; remove it",
        ),
        (
            "unit_tests: [{name: u, model: m, given: [], expect: {rows: [{\"a\\0\": 1}]}}]",
            "models/m.yml:1: `unit_tests[0].expect.rows[0].a?` has the control character U+0000; remove it",
        ),
    ] {
        assert_eq!(faults(&[m, ("models/m.yml", yaml)]), fault);
    }
    assert_eq!(
        faults(&[(
            "models/m.sql",
            "\n{{ config(alias='m\\u0000') }} select 1 as a"
        )]),
        "models/m.sql:2: `alias` has the control character U+0000; remove it"
    );
    assert_eq!(
        faults(&[("models/m.sql", "select '{{ '\\u0000' }}' as a")]),
        "models/m.sql:1: the rendered SQL has the control character U+0000; remove it"
    );
    assert_eq!(
        faults(&[
            m,
            (
                "tests/t.sql",
                "{{ config(tags='\\u0000') }} select * from {{ ref('m') }}"
            )
        ]),
        "tests/t.sql:1: `tags` has the control character U+0000; remove it"
    );
    let mut known = crate::known();
    known.models.insert("+schema".into(), json!("a\0"));
    let told = read_with(&known, &[m]).expect_err("a fault");
    assert_eq!(
        lines(&told),
        "pipeline.yaml: `schema` has the control character U+0000; remove it"
    );
    let plain = "select\r\n\t1 as a";
    assert_eq!(rendered(plain), plain);
}
