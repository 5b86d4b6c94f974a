//! The order of models.

use icefront_project::Project;

use crate::read;

/// A table of these others.
fn table(refs: &[&str]) -> String {
    let refs: Vec<String> = refs
        .iter()
        .map(|name| format!("{{{{ ref('{name}') }}}}"))
        .collect();

    format!(
        "{{{{ config(materialized='table') }}}} select * from {}",
        refs.join(", ")
    )
}

/// YAML of a model whose rows must be in another one.
fn related(model: &str, to: &str) -> String {
    format!(
        "models: [{{name: {model}, columns: [{{name: id, data_tests: [{{relationships: {{to: ref('{to}'), field: id}}}}]}}]}}]"
    )
}

fn project(files: &[(&str, String)]) -> Project {
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(place, text)| (*place, text.as_str()))
        .collect();
    let project = read(&files).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(project.warnings, []);

    project
}

/// Each model with those before it: `b(a)`.
fn order(files: &[(&str, String)]) -> String {
    let models = project(files).models.into_iter().map(|model| {
        let after: Vec<String> = model.after.into_iter().collect();
        format!("{}({})", model.name, after.join(" "))
    });

    models.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_model_comes_after_the_one_that_its_test_reads() {
    let models = [
        ("models/a.sql", table(&["orders"])),
        ("models/z.sql", table(&["customers"])),
        ("models/b.sql", table(&["a", "orders"])),
    ];
    assert_eq!(order(&models), "a() z() b(a)");
    let mut tested = models.to_vec();
    tested.push(("models/a.yml", related("a", "z")));
    assert_eq!(order(&tested), "z() a(z) b(a)");
    let yaml = "models: [{name: a, data_tests: [{dbt_utils.equal_rowcount: {compare_model: ref('z')}}, {dbt_utils.equal_rowcount: {compare_model: ref('orders')}}]}]";
    tested[3] = ("models/a.yml", yaml.to_owned());
    assert_eq!(order(&tested), "z() a(z) b(a)");
}

#[test]
fn a_test_that_would_make_a_circle_does_not_set_the_order() {
    let models = [
        ("models/a.sql", table(&["orders"])),
        ("models/b.sql", table(&["a"])),
        ("models/c.sql", table(&["customers"])),
        ("models/a.yml", related("a", "b")),
        ("models/b.yml", related("b", "b")),
    ];
    assert_eq!(order(&models), "a() c() b(a)");
    let mut both = models.to_vec();
    both[3] = ("models/a.yml", related("a", "c"));
    both[4] = ("models/c.yml", related("c", "b"));
    assert_eq!(order(&both), "c() a(c) b(a)");
    both[3] = ("models/a.yml", related("a", "a"));
    assert_eq!(order(&both), "a() b(a) c(b)");
}

#[test]
fn the_test_of_a_view_does_not_set_the_order() {
    let models = [
        ("models/a.sql", "select * from {{ ref('orders') }}"),
        ("models/z.sql", "select * from {{ ref('customers') }}"),
        ("models/a.yml", &related("a", "z")),
    ];
    let project = read(&models).expect("right");
    assert_eq!(project.models[0].name, "a");
    assert!(project.models[0].after.is_empty());
}

#[test]
fn the_model_of_a_singular_test_comes_after_the_others_that_it_reads() {
    let test = "select id from {{ ref('b') }}, {{ ref('c') }}, {{ ref('orders') }}";
    let files = [
        ("models/b.sql", table(&["orders"])),
        ("models/c.sql", table(&["customers"])),
        ("models/d.sql", table(&["b"])),
        ("tests/t.sql", test.to_owned()),
        (
            "tests/u.sql",
            "select id from {{ ref('c') }}, {{ ref('d') }}".to_owned(),
        ),
    ];
    assert_eq!(order(&files), "b() c(b) d(b c)");
    let project = project(&files);
    assert_eq!(project.singular_tests[0].model, "c");
    assert_eq!(project.singular_tests[1].model, "d");
}

#[test]
fn a_thousand_models_can_read_each_other_in_a_row() {
    let files: Vec<(String, String)> = (0..1_000)
        .map(|n| {
            let from = if n == 0 {
                "orders".to_owned()
            } else {
                format!("m{}", n - 1)
            };
            (
                format!("models/m{n}.sql"),
                format!("select * from {{{{ ref('{from}') }}}}"),
            )
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(place, text)| (place.as_str(), text.as_str()))
        .collect();
    let project = read(&files).expect("right");
    let names = project.models.iter().map(|model| model.name.clone());
    assert!(names.eq((0..1_000).map(|n| format!("m{n}"))));
}
