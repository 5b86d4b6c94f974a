//! Unit tests: what they override, and the rows that they give.

use icefront_project::{Project, Rows};

use crate::{faults, warnings};

const TABLE: &str = "{{ config(materialized='table') }} select * from {{ ref('orders') }}";

/// The model `m`, and a unit test of it with these keys.
fn unit_test(keys: &str, files: &[(&str, &str)]) -> Project {
    let yaml = format!("unit_tests: [{{name: u, model: m, {keys}}}]");
    let text = "select {{ var('tax') }} as tax, {{ dbt_utils.star(ref('orders')) }} as s, '{{ env_var('REGION') }}' as r, {{ own() }} as o";
    let mut all = vec![
        ("models/m.sql", text),
        ("models/u.yml", yaml.as_str()),
        ("dbt_project.yml", "vars: {tax: 19}"),
        ("macros/own.sql", "{% macro own() %}own{% endmacro %}"),
    ];
    all.extend(files);
    let column = icefront_project::Column {
        name: "a".into(),
        data_type: None,
    };
    let mut known = crate::known();
    let orders = known.tables["orders"].clone();
    known.columns.insert(orders, vec![column]);

    crate::read_with(&known, &all).unwrap_or_else(|faults| panic!("{faults:?}"))
}

#[test]
fn a_unit_test_renders_its_model_with_what_it_overrides() {
    let sql = |overrides: &str| {
        let keys = format!("{overrides} expect: {{rows: [{{tax: 7}}]}}");
        unit_test(&keys, &[]).unit_tests[0].sql.clone()
    };
    assert_eq!(sql(""), None);
    assert_eq!(
        sql("overrides: {vars: {tax: 7}, env_vars: {REGION: south}, macros: {own: 1, dbt_utils.star: b}},").as_deref(),
        Some("select 7 as tax, b as s, 'south' as r, 1 as o")
    );
    assert_eq!(
        sql("overrides: {vars: {tax: 7}},").as_deref(),
        Some("select 7 as tax, \"a\" as s, 'north' as r, own as o")
    );
}

#[test]
fn rows_of_a_unit_test_may_stand_in_a_file() {
    let files = [
        ("tests/fixtures/orders_7.csv", "id,a\n1,\n"),
        ("tests/fixtures/result.sql", "select 1 as tax"),
    ];
    let keys = "given: [{input: \"ref('orders')\", format: csv, fixture: orders_7}], expect: {format: sql, fixture: result}";
    let test = unit_test(keys, &files).unit_tests.remove(0);
    let Rows::Listed(rows) = &test.given[0].rows else {
        panic!("{test:?}");
    };
    assert_eq!(rows[0]["id"].as_deref(), Some("1"));
    assert_eq!(rows[0]["a"], None);
    assert_eq!(test.expected, Rows::Sql("select 1 as tax".into()));
    let fault = faults(&[
        ("models/first.sql", TABLE),
        (
            "models/u.yml",
            "unit_tests: [{name: u, model: first, expect: {format: csv, fixture: missing}}]",
        ),
    ]);
    assert!(
        fault.contains("`expect`: there is no file `tests/fixtures/missing.csv`"),
        "{fault}"
    );
}

#[test]
fn a_unit_test_that_gives_rows_of_its_own_model_is_warned_of() {
    let project = unit_test("given: [{input: this, rows: []}], expect: {rows: []}", &[]);
    assert_eq!(project.unit_tests[0].given, []);
    assert_eq!(
        warnings(&project),
        "models/u.yml: unit test `u`: the input `this` has no effect: a model does not read its own rows"
    );
}

/// The faults of a unit test of the model `first` with these keys.
fn wrong(keys: &str) -> String {
    let yaml = format!("unit_tests: [{{model: first, {keys}}}]");

    faults(&[("models/first.sql", TABLE), ("models/u.yml", &yaml)])
}

#[test]
fn an_overridden_macro_is_one_that_is_there() {
    let keys =
        |name: &str| format!("name: u, expect: {{rows: []}}, overrides: {{macros: {{{name}: 1}}}}");
    assert_eq!(
        wrong(&keys("dbt_utils.stra")),
        "models/u.yml: unit test `u`: `overrides.macros`: there is no macro `dbt_utils.stra`; did you mean `dbt_utils.star`?"
    );
    assert_eq!(
        wrong(&keys("curent_timestamp")),
        "models/u.yml: unit test `u`: `overrides.macros`: there is no macro `curent_timestamp`; did you mean `current_timestamp`?"
    );
    for known in [
        "is_incremental: false, dbt.date_trunc",
        "date_trunc",
        "var",
        "own",
        "shop.own",
    ] {
        let overrides = format!("overrides: {{macros: {{{known}: 1}}}}, expect: {{rows: []}}");
        assert_eq!(unit_test(&overrides, &[]).unit_tests.len(), 1);
    }
}

#[test]
fn a_unit_test_of_the_wrong_shape_is_told_by_its_keys() {
    assert_eq!(
        wrong("name: u"),
        "models/u.yml: unit test `u`: `expect` is missing; write a map with `rows`, `format` or `fixture`"
    );
    assert_eq!(
        wrong("expect: {format: cvs}, given: [{rows: []}]"),
        "models/u.yml: unit test number 1: `name` is missing; write a name\nmodels/u.yml: unit test number 1: `given[0].input` is missing; write a name\nmodels/u.yml: unit test number 1: `expect.format` is `cvs`; write `dict`, `csv` or `sql`"
    );
    assert!(wrong("name: .., expect: {}").contains("`name` is `..`; write a name such as"));
}

#[test]
fn a_disabled_unit_test_is_not_there() {
    let project = unit_test(
        "config: {enabled: false, tags: [a]}, expect: {rows: []}",
        &[],
    );
    assert_eq!(project.unit_tests, []);
    assert!(
        wrong("name: u, config: {enabled: 'no'}, expect: {rows: []}")
            .contains("`config.enabled` is `no`; write `true` or `false`, without quotes")
    );
}
