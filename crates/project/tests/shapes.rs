//! YAML and configuration of the wrong shape: messages name the key, what was found and what is wanted.

use crate::{faults, read};

/// The faults of a YAML file beside a model `m`.
fn of_yaml(yaml: &str) -> String {
    faults(&[("models/m.sql", "select 1 as a"), ("models/m.yml", yaml)])
}

#[test]
fn a_wrong_value_is_told_by_its_key_with_what_is_wanted() {
    for (yaml, fault) in [
        (
            "models: [m]",
            "model number 1: it is `m`; write a map with `name`, `description`, `config`, `columns`, `data_tests`, `tests` or `meta`",
        ),
        (
            "models: [{name: m}, {description: x}]",
            "model number 2: `name` is missing; write a name",
        ),
        (
            "models: [{name: 2024}]",
            "model number 1: `name` is `2024`; write a name, such as `\"2024\"`",
        ),
        (
            "models: [{name: m, columns: [{name: a}, {name: }]}]",
            "model `m`: `columns[1].name` is missing; write a name",
        ),
        (
            "models: [{name: m, columns: {a: b}}]",
            "model `m`: `columns` is a map; write a list",
        ),
        (
            "models: [{name: m, description: [a]}]",
            "model `m`: `description` is a list; write a text",
        ),
        (
            "models: [{name: m, columns: [{name: a, tests: [5]}]}]",
            "model `m`: `columns[0].tests[0]` is `5`; write the name of a test, or its name with arguments",
        ),
        (
            "models: [{name: m, columns: [{name: a, datatype: x}]}]",
            "model `m`: `columns[0].datatype` is not known; did you mean `data_type`?",
        ),
        (
            "sources: [{name: s, tables: [{name: t, columns: [{data_type: x}]}]}]",
            "source `s`: `tables[0].columns[0].name` is missing; write a name",
        ),
        (
            "sources: [{name: s, tables: t}]",
            "source `s`: `tables` is `t`; write a list",
        ),
    ] {
        assert_eq!(of_yaml(yaml), format!("models/m.yml: {fault}"));
    }
}

#[test]
fn yaml_that_cannot_be_read_is_told_with_its_line() {
    assert_eq!(
        of_yaml("models:\n- {name: m, name: n}"),
        "models/m.yml:2: `name` is there twice in one map; keep one of the two"
    );
    let fault = of_yaml("models:\n- name: m\n  columns: [a");
    assert!(
        fault.starts_with("models/m.yml:3: the YAML cannot be read: "),
        "{fault}"
    );
}

#[test]
fn a_key_without_a_value_is_as_if_it_was_not_there() {
    let yaml = "models:\n- name: m\n  description:\n  columns:\n  tests:\n  config: {alias: , tags: , meta: }\nsources:\n- {name: s, schema: , tables: }\nunit_tests:";
    let files = [("models/m.sql", "select 1 as a"), ("models/m.yml", yaml)];
    let project = read(&files).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(project.models[0].relation.table, "m");
}

#[test]
fn configuration_of_the_wrong_shape_is_told_by_its_key() {
    let fault = |config: &str| {
        faults(&[(
            "models/m.sql",
            &format!("{{{{ config({config}) }}}} select 1 as a"),
        )])
    };
    for (config, wrong) in [
        (
            "enabled='no'",
            "`enabled` is `no`; write `true` or `false`, without quotes",
        ),
        (
            "schema='../x'",
            "`schema` is `../x`; write a name of letters, digits, `_` and `-`",
        ),
        (
            "alias=''",
            "`alias` is empty; write a name of letters, digits, `_` and `-`",
        ),
        ("tags=['a', '']", "`tags[1]` is empty; write a name"),
        (
            "unique_key=3",
            "`unique_key` is `3`; write a name, or a list of names, such as `\"3\"`",
        ),
        (
            "refresh='ful'",
            "`refresh` is `ful`; write `auto`, `strict` or `full`",
        ),
        (
            "on_error=true",
            "`on_error` is `true`; write `skip` or `keep`",
        ),
        ("meta='x'", "`meta` is `x`; write a map of names and values"),
        (
            "contract=true",
            "`contract` is `true`; write a map with `enforced`",
        ),
        (
            "contract={'enforced': 'yes'}",
            "`contract.enforced` is `yes`; write `true` or `false`, without quotes",
        ),
    ] {
        assert_eq!(fault(config), format!("models/m.sql: {wrong}"));
    }
}

#[test]
fn a_long_value_is_cut_in_messages() {
    let long = "x".repeat(100_000);
    let cut = format!("{}…", "x".repeat(100));
    assert_eq!(
        of_yaml(&format!("models: [{{name: m, columns: {long}}}]")),
        format!("models/m.yml: model `m`: `columns` is `{cut}`; write a list")
    );
    assert_eq!(
        faults(&[(
            "models/m.sql",
            &format!("select * from {{{{ ref('{long}') }}}}")
        )]),
        format!(
            "models/m.sql:1: `ref('{}…` is no model and no table of the pipeline",
            "x".repeat(95)
        )
    );
    for text in [
        format!("{{{{ exceptions.raise_compiler_error('{long}') }}}}"),
        format!(
            "{{{{ exceptions.raise_compiler_error('{}') }}}}",
            "`a` ".repeat(25_000)
        ),
        format!("{long} 1"),
    ] {
        let fault = faults(&[("models/m.sql", &text)]);
        assert!(fault.len() < 2_200, "{fault}");
    }
}
