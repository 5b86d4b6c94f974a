//! Tests of models: singular ones, and what declared ones may say.

use icefront_project::{Condition, DataTest, Project, SingularTest};

use crate::{faults, read, warnings};

const TABLE: &str = "{{ config(materialized='table') }} select * from {{ ref('orders') }}";
const SECOND: &str = "{{ config(materialized='table') }} select * from {{ ref('first') }}";

/// orders → first → second, with these tests.
fn project(tests: &[(&str, &str)]) -> Project {
    let mut files = vec![("models/first.sql", TABLE), ("models/second.sql", SECOND)];
    files.extend(tests);

    read(&files).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// The only singular test, which has this text.
fn singular(text: &str) -> SingularTest {
    let mut project = project(&[("tests/orders/no_loss.sql", text)]);
    assert_eq!(project.warnings, []);

    project.singular_tests.remove(0)
}

/// The warnings about a singular test that nothing runs.
fn not_run(files: &[(&str, &str)]) -> String {
    let project = project(files);
    assert_eq!(project.singular_tests, []);

    warnings(&project)
}

#[test]
fn a_singular_test_is_of_the_last_model_that_it_reads() {
    let test = singular(
        "select a from {{ ref('second') }} except select a from {{ ref('first') }}, {{ ref('orders') }}, {{ source('shop', 'orders') }};",
    );
    assert_eq!(test.name, "no_loss");
    assert_eq!(test.file, "tests/orders/no_loss.sql");
    assert_eq!(test.model, "second");
    assert_eq!(
        test.sql,
        r#"select a from "lake"."marts"."second" except select a from "lake"."marts"."first", "lake"."marts"."orders", "lake"."staging"."orders""#
    );
    let refs: Vec<_> = test.refs.iter().map(String::as_str).collect();
    assert_eq!(refs, ["first", "orders", "second"]);
    assert_eq!(test.sources.len(), 1);
    assert!(test.severity.stops_at_any_row());
}

#[test]
fn a_singular_test_has_the_severity_that_its_file_says() {
    let test = singular(
        "{{ config(severity='warn', warn_if='>10', error_if='>= 100', tags=['nightly']) }} select * from {{ ref('first') }}",
    );
    assert!(!test.severity.is_error);
    let holds = |condition: Condition| [10, 11, 99, 100].map(|rows| condition.holds(rows));
    assert_eq!(holds(test.severity.warn_if), [false, true, true, true]);
    assert_eq!(holds(test.severity.error_if), [false, false, false, true]);
}

#[test]
fn a_disabled_singular_test_is_not_there() {
    let test = "{{ config(enabled=false) }} select * from {{ ref('missing') }}";
    let project = project(&[("tests/t.sql", test)]);
    assert_eq!(project.singular_tests, []);
    assert_eq!(project.warnings, []);
}

#[test]
fn a_singular_test_that_reads_no_model_is_warned_of() {
    assert_eq!(
        not_run(&[("tests/t.sql", "select * from {{ ref('orders') }}")]),
        "tests/t.sql: it reads no model by `ref`, so nothing runs it"
    );
}

#[test]
fn a_singular_test_that_sees_its_model_only_through_a_view_is_warned_of() {
    let view = ("models/shown.sql", "select * from {{ ref('second') }}");
    assert_eq!(
        not_run(&[view, ("tests/t.sql", "select * from {{ ref('shown') }}")]),
        "tests/t.sql: it reads `second` through a view, and rows are tested before a view shows them, so nothing runs it; read `second` itself"
    );
    let both = "select * from {{ ref('shown') }}, {{ ref('second') }}";
    assert!(not_run(&[view, ("tests/t.sql", both)]).contains("read `second` itself"));
    let view = ("models/shown.sql", "select * from {{ ref('orders') }}");
    assert!(
        not_run(&[view, ("tests/t.sql", "select * from {{ ref('shown') }}")])
            .contains("materialize one as a table")
    );
    let project = project(&[
        ("models/shown.sql", "select * from {{ ref('first') }}"),
        (
            "tests/t.sql",
            "select * from {{ ref('shown') }}, {{ ref('second') }}",
        ),
    ]);
    assert_eq!(project.singular_tests[0].model, "second");
}

#[test]
fn faults_of_singular_tests_name_their_files() {
    let fault = |test: &str| faults(&[("models/first.sql", TABLE), ("tests/t.sql", test)]);
    assert_eq!(
        fault("select *\nfrom {{ ref('fist') }}"),
        "tests/t.sql:2: `ref('fist')` is no model and no table of the pipeline; did you mean `first`?"
    );
    assert_eq!(
        fault("delete from {{ ref('first') }}"),
        "tests/t.sql: a test is one `select`, and this one begins with `delete`"
    );
    assert_eq!(
        fault("{{ config(severty='warn') }} select * from {{ ref('first') }}"),
        "tests/t.sql: test `t` does not read `severty`; did you mean `severity`?"
    );
    assert_eq!(
        fault("{{ config(where='a > 1') }} select * from {{ ref('first') }}"),
        "tests/t.sql: test `t` does not read `where`; write the condition into its `select`"
    );
}

#[test]
fn the_name_of_a_singular_test_is_its_own() {
    let test = "select * from {{ ref('first') }}";
    let fault = |place: &str| {
        let yaml = "models: [{name: first, data_tests: [{dbt_utils.expression_is_true: {expression: a > 1, name: declared}}]}]";
        faults(&[
            ("models/first.sql", TABLE),
            ("models/first.yml", yaml),
            ("tests/a/t.sql", test),
            (place, test),
        ])
    };
    assert_eq!(
        fault("tests/b/t.sql"),
        "tests/b/t.sql: the name of test `t` is that of `tests/a/t.sql`, too; rename one of the two files"
    );
    assert!(fault("tests/first.sql").contains("is that of `models/first.sql`, too"));
    assert!(fault("tests/declared.sql").contains("model `first` has a declared test `declared`"));
    assert!(fault("tests/No Loss.sql").contains("use lower-case letters, digits and `_`"));
}

#[test]
fn generic_tests_of_the_project_are_refused_with_what_to_use() {
    let generic = "{% test positive(model, column) %}select 1{% endtest %}";
    let fault = faults(&[("tests/generic/positive.sql", generic)]);
    assert_eq!(
        fault,
        "tests/generic/positive.sql: generic tests of your own are not supported; use `dbt_utils.expression_is_true`, or write one `select` per model in `tests/`"
    );
    for place in ["macros/positive.sql", "tests/positive.sql"] {
        let fault = faults(&[(place, generic)]);
        assert!(fault.contains("generic tests of your own"), "{fault}");
    }
}

/// The tests of a model with this YAML below `data_tests`, and this `dbt_project.yml`.
fn declared(tests: &str, settings: &str) -> Vec<DataTest> {
    let yaml = format!("models: [{{name: first, data_tests: [{tests}]}}]");
    let files = [
        ("models/a/first.sql", TABLE),
        ("models/a/first.yml", &yaml),
        ("dbt_project.yml", settings),
    ];
    let project = read(&files).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(project.warnings, []);

    project.models[0].tests.clone()
}

const RULE: &str = "dbt_utils.expression_is_true";

#[test]
fn failing_rows_are_kept_where_a_test_says_so() {
    let kept = |setting: &str| {
        let test = format!("{{{RULE}: {{expression: a > 1, {setting}}}}}");
        declared(&test, "name: shop")[0].store_failures
    };
    assert!(!kept("severity: warn"));
    assert!(kept("store_failures: true"));
    assert!(kept("config: {store_failures: true}"));
    assert!(!kept("store_failures: false"));
    assert!(kept("store_failures_as: table"));
    assert!(!kept("store_failures: true, store_failures_as: ephemeral"));
    let test = singular("{{ config(store_failures=true) }} select * from {{ ref('first') }}");
    assert!(test.store_failures);
}

#[test]
fn failing_rows_are_kept_in_tables_only() {
    let fault = |setting: &str| {
        let yaml = format!(
            "models: [{{name: first, data_tests: [{{{RULE}: {{expression: a > 1, {setting}}}}}]}}]"
        );
        faults(&[("models/first.sql", TABLE), ("models/first.yml", &yaml)])
    };
    assert_eq!(
        fault("store_failures_as: view"),
        "models/first.yml: test `dbt_utils.expression_is_true`: `store_failures_as` is `view`; write `table` or `ephemeral`"
    );
    assert!(fault("store_failures: maybe").contains("write `true` or `false`"));
    assert!(fault("fail_calc: sum(a)").contains("does not read `fail_calc`"));
}

#[test]
fn a_limit_of_failing_rows_has_no_effect() {
    let project = project(&[(
        "tests/t.sql",
        "{{ config(limit=10) }} select * from {{ ref('first') }}",
    )]);
    assert_eq!(
        warnings(&project),
        "tests/t.sql: test `t`: `limit` has no effect: all failing rows count"
    );
}

#[test]
fn settings_of_tests_stand_by_folder_in_dbt_project_yml() {
    let settings = "name: shop\ndata_tests: {+store_failures: true, shop: {a: {+severity: warn}, b: {+store_failures: false}}}";
    let tests = format!(
        "{{{RULE}: {{expression: a > 1}}}}, {{{RULE}: {{expression: a > 1, severity: error, store_failures: false}}}}"
    );
    let tests = declared(&tests, settings);
    assert!(tests[0].store_failures && !tests[0].severity.is_error);
    assert!(!tests[1].store_failures && tests[1].severity.is_error);

    let test = "select * from {{ ref('first') }}";
    let project = project(&[
        ("dbt_project.yml", &settings.replace("data_tests", "tests")),
        ("tests/a/t.sql", test),
        ("tests/b/u.sql", test),
    ]);
    let [t, u] = &project.singular_tests[..] else {
        panic!("{project:?}");
    };
    assert!(t.store_failures && !t.severity.is_error);
    assert!(!u.store_failures && u.severity.is_error);
}

#[test]
fn wrong_settings_of_all_tests_are_told_once() {
    let settings = "data_tests: {+severity: wrn, a: {+serverity: warn}}";
    let files = [
        ("models/first.sql", TABLE),
        ("dbt_project.yml", settings),
        ("tests/t.sql", "select * from {{ ref('first') }}"),
    ];
    assert_eq!(
        faults(&files),
        "dbt_project.yml: `data_tests`: `severity` is `wrn`; write `error` or `warn`\ndbt_project.yml: `data_tests` does not read `serverity`; did you mean `severity`?"
    );
    let files = [
        ("models/first.sql", TABLE),
        ("dbt_project.yml", "data_tests: {+schema: failures}"),
        ("tests/t.sql", "select * from {{ ref('first') }}"),
    ];
    assert_eq!(
        warnings(&read(&files).expect("right")),
        "dbt_project.yml: `data_tests`: `schema` has no effect"
    );
}
