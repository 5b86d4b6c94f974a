//! Tests of models: singular ones, and what declared ones may say.

use icefront_project::{Check, Condition, DataTest, Project, SingularTest, TESTED_ROWS};

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
    assert!(
        fault("fail_calc: sum(a)").contains("`fail_calc` is not supported, as failures are rows")
    );
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

/// The SQL of a test of the column `a`, or of the model, with `t` for the tested rows.
fn query(test: &str, of_column: bool) -> String {
    let columns = "[{name: a, data_type: bigint}, {name: b, data_type: bigint}]";
    let tests = format!("data_tests: [{test}]");
    let yaml = if of_column {
        format!("models: [{{name: first, columns: [{{name: a, {tests}}}]}}]")
    } else {
        format!(
            "models: [{{name: first, config: {{contract: {{enforced: true}}}}, columns: {columns}, {tests}}}]"
        )
    };
    let project = project(&[("models/first.yml", &yaml)]);
    match &project.models[0].tests[0].check {
        Check::Query(sql) => {
            assert_eq!(sql.matches(TESTED_ROWS).count(), 1, "{sql}");
            sql.replace(TESTED_ROWS, "t")
        }
        Check::Expression(sql) => sql.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn tests_of_dbt_utils_about_a_column_are_queries() {
    let query = |test: &str| query(test, true);
    assert_eq!(
        query("dbt_utils.at_least_one"),
        r#"select count("a") as not_null_rows from t as tested having count("a") = 0"#
    );
    assert_eq!(
        query("{dbt_utils.at_least_one: {group_by_columns: [b]}}"),
        r#"select "b", count("a") as not_null_rows from t as tested group by "b" having count("a") = 0"#
    );
    assert_eq!(
        query("dbt_utils.not_constant"),
        r#"select count(distinct "a") as distinct_values from t as tested having count(distinct "a") = 1"#
    );
    assert_eq!(query("dbt_utils.not_empty_string"), r#"trim("a") <> ''"#);
    assert_eq!(
        query("{dbt_utils.not_empty_string: {trim_whitespace: false}}"),
        r#""a" <> ''"#
    );
    assert_eq!(
        query("{dbt_utils.not_accepted_values: {values: [it's, 2]}}"),
        r#"select distinct "a" as value_field from t as tested where cast("a" as varchar) in ('it''s', '2')"#
    );
    assert!(
        query("{dbt_utils.not_accepted_values: {values: [1, 2], quote: false}}")
            .ends_with(r#"where "a" in (1, 2)"#)
    );
    assert_eq!(
        query("{dbt_utils.sequential_values: {interval: 2, group_by_columns: [b]}}"),
        r#"select * from (select "b", "a", lag("a") over (partition by "b" order by "a") as previous_value from t as tested) where not ("a" = previous_value + 2)"#
    );
    assert!(
        query("{dbt_utils.sequential_values: {datepart: hour}}").ends_with(
            r#"where not (cast("a" as timestamp(6)) = cast(date_add('hour', 1, previous_value) as timestamp(6)))"#
        )
    );
    assert!(
        query("{dbt_utils.relationships_where: {to: \"ref('orders')\", field: id, from_condition: b > 1, to_condition: c or d}}")
            .contains("is not null and (\nc or d\n))\nselect * from t as tested where \"a\" is not null and (\nb > 1\n)")
    );
    assert!(
        query("{dbt_utils.cardinality_equality: {to: \"ref('orders')\", field: id}}")
            .starts_with(r#"with own as (select "a" as value_field, count(*) as num_rows from t as tested group by "a")"#)
    );
}

#[test]
fn tests_of_dbt_utils_about_a_model_are_queries() {
    let query = |test: &str| query(test, false);
    let orders = "compare_model: \"ref('orders')\"";
    assert_eq!(
        query(&format!("{{dbt_utils.fewer_rows_than: {{{orders}}}}}")),
        r#"with own as (select count(*) as tested_rows from t as tested),
other as (select count(*) as compared_rows from "lake"."marts"."orders" as compared)
select tested_rows, compared_rows from own join other on true where tested_rows >= compared_rows"#
    );
    assert_eq!(
        query(&format!(
            "{{dbt_utils.equal_rowcount: {{{orders}, group_by_columns: [a]}}}}"
        )),
        r#"with own as (select "a", count(*) as tested_rows from t as tested group by "a"),
other as (select "a", count(*) as compared_rows from "lake"."marts"."orders" as compared group by "a")
select own."a", tested_rows, compared_rows from own join other on own."a" = other."a" where tested_rows <> compared_rows"#
    );
    let equal = query(&format!(
        "{{dbt_utils.equality: {{{orders}, exclude_columns: [B]}}}}"
    ));
    assert!(
        equal.starts_with(r#"with own as (select "a" from t as tested)"#),
        "{equal}"
    );
    assert!(
        query(&format!(
            "{{dbt_utils.equality: {{{orders}, compare_columns: [c, d]}}}}"
        ))
        .contains(r#"other as (select "c", "d" from "lake"."marts"."orders" as compared)"#)
    );
    let ranges = query(
        "{dbt_utils.mutually_exclusive_ranges: {lower_bound_column: a, upper_bound_column: \"coalesce(b, 9)\", partition_by: c, gaps: not_allowed, zero_length_range_allowed: true}}",
    );
    assert!(
        ranges.contains(
            r#"lead("a") over (partition by c order by "a", coalesce(b, 9)) as next_lower_bound"#
        ),
        "{ranges}"
    );
    assert!(
        ranges.contains("coalesce(lower_bound <= upper_bound, false)"),
        "{ranges}"
    );
    assert!(
        ranges.contains("coalesce(upper_bound = next_lower_bound, is_last_record, false)"),
        "{ranges}"
    );
    assert_eq!(
        query(
            "{dbt_utils.recency: {field: a, datepart: day, interval: 1, ignore_time_component: true}}"
        ),
        r#"select * from (select cast(max("a") as date) as most_recent from t as tested) where most_recent is null or most_recent < cast(date_add('day', -1, current_timestamp) as date)"#
    );
}

#[test]
fn faults_of_tests_of_dbt_utils_say_what_to_do() {
    let fault = |test: &str| {
        let yaml = format!("models: [{{name: first, data_tests: [{test}]}}]");
        faults(&[("models/first.sql", TABLE), ("models/first.yml", &yaml)])
    };
    assert!(
        fault("{dbt_utils.equality: {compare_model: \"ref('orders')\"}}").contains(
            "needs `compare_columns`, or an enforced contract that lists the columns of the model"
        )
    );
    assert!(fault("dbt_utils.at_least_one").contains("write it below `columns`"));
    assert!(
        fault("{dbt_utils.mutually_exclusive_ranges: {lower_bound_column: a, upper_bound_column: b, gaps: never}}")
            .contains("`gaps` is `never`; write `allowed`, `not_allowed` or `required`")
    );
    assert!(
        fault("{dbt_utils.equality: {compare_model: \"ref('orders')\", compare_columns: [a], precision: 2}}")
            .contains("does not read `precision`")
    );
}

#[test]
fn arguments_that_make_no_sql_are_refused_with_the_test_and_its_file() {
    let fault = |arguments: &str| {
        let yaml = format!("models: [{{name: first, data_tests: [{{{RULE}: {{{arguments}}}}}]}}]");
        faults(&[("models/first.sql", TABLE), ("models/first.yml", &yaml)])
    };
    let test = "models/first.yml: test `dbt_utils.expression_is_true`: ";
    for (arguments, wrong) in [
        (
            "expression: ''",
            "`expression` is empty; write a value, or remove it",
        ),
        ("expression: ' -- a > 1'", "`expression` is empty"),
        (
            "expression: a > 1; drop table t",
            "`expression` has `;`; write one expression",
        ),
        (
            "expression: a > (1",
            "`expression` has a `(` without its `)`",
        ),
        (
            "expression: a > 1) or (b",
            "`expression` has a `)` without its `(`",
        ),
        (
            "expression: a > 1, where: ' '",
            "`where` is empty; write a value, or remove it",
        ),
        (
            "expression: [a]",
            "`expression` is a list or a map; write a text",
        ),
    ] {
        let told = fault(arguments);
        assert!(told.starts_with(&format!("{test}{wrong}")), "{told}");
    }
    let rules = declared(
        &format!("{{{RULE}: {{expression: \"a <> ')' or b = ''\"}}}}"),
        "name: shop",
    );
    assert_eq!(
        rules[0].check,
        Check::Expression("a <> ')' or b = ''".into())
    );
    let yaml = "models: [{name: first, data_tests: [{dbt_utils.unique_combination_of_columns: {combination_of_columns: [a, '']}}]}]";
    assert_eq!(
        faults(&[("models/first.sql", TABLE), ("models/first.yml", yaml)]),
        "models/first.yml: test `dbt_utils.unique_combination_of_columns`: one of `combination_of_columns` is empty; write a value, or remove it"
    );
}

#[test]
fn a_test_has_a_name_that_a_path_can_have() {
    for (name, found) in [("..", ".."), ("", ""), ("a/b", "a/b"), ("' '", " ")] {
        let name = if name.is_empty() { "''" } else { name };
        let yaml = format!(
            "models: [{{name: first, data_tests: [{{{RULE}: {{expression: a > 1, name: {name}}}}}]}}]"
        );
        assert_eq!(
            faults(&[("models/first.sql", TABLE), ("models/first.yml", &yaml)]),
            format!(
                "models/first.yml: test `dbt_utils.expression_is_true`: `name` is `{found}`; write a name such as `no_negative_amounts`, without `/` and `\\`"
            )
        );
    }
}

#[test]
fn whether_a_test_is_enabled_is_true_or_false() {
    let test = "{{ config(enabled='no') }} select * from {{ ref('first') }}";
    assert_eq!(
        faults(&[("models/first.sql", TABLE), ("tests/t.sql", test)]),
        "tests/t.sql: test `t`: `enabled` is `no`; write `true` or `false`"
    );
}
