//! Where configuration stands, and which words are refused.

use std::time::Duration;

use icefront_project::{Fault, Known, Materialized, Project, Refresh, TargetLag};
use serde_json::{Value, json};

use crate::{faults, lines, read, read_with, warnings};

#[test]
fn the_nearest_configuration_counts_and_tags_add_up() {
    let files = [
        (
            "dbt_project.yml",
            "name: shop\nmodels:\n  shop:\n    +tags: all\n    marts:\n      +materialized: table\n      +tags: [marts]\n",
        ),
        (
            "models/marts/daily.sql",
            "{{ config(materialized='incremental', unique_key='day', refresh='strict') }} select 1 as day",
        ),
        ("models/marts/other.sql", "select 1 as a"),
        ("models/first.sql", "select 1 as a"),
        (
            "models/marts/m.yml",
            "models:\n- name: daily\n  config: {tags: daily}\n",
        ),
    ];
    let project = read(&files).unwrap_or_else(|faults| panic!("{faults:?}"));
    let daily = project.model("daily").expect("a model");
    assert_eq!(daily.config.materialized, Materialized::Incremental);
    assert_eq!(daily.config.unique_key, ["day"]);
    assert_eq!(daily.config.refresh, Refresh::Strict);
    assert_eq!(daily.config.tags, ["all", "marts", "daily"]);
    assert_eq!(
        project.model("other").expect("a model").config.materialized,
        Materialized::Table
    );
    assert_eq!(
        project.model("first").expect("a model").config.materialized,
        Materialized::View
    );
}

#[test]
fn an_incremental_model_needs_a_unique_key() {
    let fault = faults(&[(
        "models/m.sql",
        "{{ config(materialized='incremental') }} select 1 as a",
    )]);
    assert_eq!(
        fault,
        "models/m.sql: an incremental model needs `unique_key`: the columns that identify a row"
    );
}

#[test]
fn an_unknown_word_gets_the_nearest_right_one() {
    assert!(
        faults(&[(
            "models/m.sql",
            "{{ config(materialised='table') }} select 1 as a"
        )])
        .contains("`materialised` is not known; did you mean `materialized`?")
    );
    assert!(
        faults(&[
            ("models/m.sql", "select 1 as a"),
            ("models/m.yml", "modles: []")
        ])
        .contains("`modles` is not known; did you mean `models`?")
    );
    assert!(
        faults(&[
            ("models/m.sql", "select 1 as a"),
            ("models/m.yml", "models: [{name: m, colums: []}]")
        ])
        .contains("did you mean `columns`?")
    );
}

#[test]
fn words_of_dbt_that_change_the_meaning_are_refused_with_a_replacement() {
    assert!(
        faults(&[(
            "models/m.sql",
            "{{ config(pre_hook='drop table t') }} select 1 as a"
        )])
        .contains("`pre_hook` is not supported; Icefront sends no other statements")
    );
    assert!(
        faults(&[(
            "models/m.sql",
            "{{ config(merge_update_columns=['a']) }} select 1 as a"
        )])
        .contains("a row is always as the query says")
    );
    assert!(
        faults(&[("dbt_project.yml", "name: shop\non-run-end: []")])
            .contains("`on-run-end` is not supported")
    );
}

#[test]
fn words_of_dbt_without_effect_are_warned_of() {
    let project = read(&[(
        "models/m.sql",
        "{{ config(persist_docs={'relation': true}) }} select 1 as a",
    )])
    .expect("right");
    assert_eq!(
        project.warnings[0].to_string(),
        "models/m.sql: `persist_docs` has no effect"
    );
}

#[test]
fn what_a_project_needs_for_dbt_is_warned_of_with_what_icefront_does() {
    let files = [
        (
            "dbt_project.yml",
            "dispatch: [{macro_namespace: dbt_utils, search_order: [shop]}]\nsources: {+enabled: true}\nunit_tests: {}\nexposures: {}\nsnapshots: {}\nseeds: {+schema: raw}",
        ),
        (
            "models/m.sql",
            "{{ config(materialized='incremental', unique_key='a', incremental_strategy='merge', on_schema_change='fail', on_table_exists='replace', view_security='invoker', freshness={'build_after': {'count': 1}}) }} select 1 as a",
        ),
        (
            "models/m.yml",
            "models: [{name: m, time_spine: {standard_granularity_column: a}, columns: [{name: a, granularity: day}]}]\nsemantic_models: []\nmetrics: []",
        ),
    ];
    let told = warnings(&read(&files).unwrap_or_else(|faults| panic!("{faults:?}")));
    for warning in [
        "dbt_project.yml: `dispatch` has no effect: `adapter.dispatch` looks for the project's macro first",
        "dbt_project.yml: `sources` has no effect: write it for each source",
        "dbt_project.yml: `unit_tests` has no effect",
        "dbt_project.yml: `exposures` has no effect",
        "dbt_project.yml: `snapshots` has no effect: Icefront keeps the history",
        "dbt_project.yml: `seeds` has no effect: no seed is loaded; put the file into a pipeline of files",
        "models/m.sql: `incremental_strategy` has no effect: Icefront finds the rows that changed by itself",
        "models/m.sql: `on_schema_change` has no effect: a model whose columns change is built again",
        "models/m.sql: `on_table_exists` has no effect",
        "models/m.sql: `view_security` has no effect: views run with the rights of Icefront's user",
        "models/m.sql: `freshness` has no effect",
        "models/m.yml: model `m`: `time_spine` has no effect",
        "models/m.yml: `semantic_models` has no effect",
        "models/m.yml: `metrics` has no effect",
    ] {
        assert!(told.contains(warning), "{warning} is not in {told}");
    }
    assert_eq!(told.lines().count(), 14, "{told}");
    let versions = "models: [{name: m, versions: [{v: 1}]}]";
    assert_eq!(
        faults(&[
            ("models/m.sql", "select 1 as a"),
            ("models/m.yml", versions)
        ]),
        "models/m.yml: model `m`: `versions` is not supported; write a model of its own for each version"
    );
}

#[test]
fn a_disabled_model_is_not_there() {
    let files = [
        ("models/a.sql", "{{ config(enabled=false) }} select 1 as a"),
        ("models/b.sql", "select * from {{ ref('a') }}"),
    ];
    assert!(faults(&files).contains("`ref('a')` is no model"));
}

#[test]
fn two_models_cannot_have_one_name_or_one_table() {
    assert!(
        faults(&[
            ("models/a/m.sql", "select 1 as a"),
            ("models/b/m.sql", "select 1 as a")
        ])
        .contains("model `m` is in `models/a/m.sql`, too")
    );
    assert!(
        faults(&[
            ("models/m.sql", "select 1 as a"),
            ("models/n.sql", "{{ config(alias='m') }} select 1 as a")
        ])
        .contains("both write `lake.marts.m`")
    );
    assert!(
        faults(&[("models/orders.sql", "select 1 as a")])
            .contains("`orders` is a table of the pipeline")
    );
    assert!(
        faults(&[("models/n.sql", "{{ config(alias='orders') }} select 1 as a")])
            .contains("which is a table of the pipeline")
    );
}

#[test]
fn models_in_a_circle_are_refused_with_their_names() {
    let files = [
        ("models/a.sql", "select * from {{ ref('b') }}"),
        ("models/b.sql", "select * from {{ ref('c') }}"),
        ("models/c.sql", "select * from {{ ref('b') }}"),
    ];
    assert!(
        faults(&files).contains("`b` reads `c` reads `b`"),
        "{}",
        faults(&files)
    );
}

#[test]
fn a_target_lag_is_a_duration_or_downstream() {
    let lag = |text: &str| {
        let sql =
            format!("{{{{ config(materialized='table', target_lag='{text}') }}}} select 1 as a");
        let project = read(&[("models/m.sql", &sql)]).unwrap_or_else(|faults| panic!("{faults:?}"));
        assert_eq!(project.warnings, []);
        project.models[0].config.target_lag
    };
    for (text, seconds) in [
        ("5 minutes", 300),
        ("90 seconds", 90),
        ("1 hour", 3_600),
        ("2h", 7_200),
        ("1h 30m", 5_400),
        ("1 second", 1),
        ("1d", 86_400),
        ("366 days", 366 * 86_400),
    ] {
        let expected = TargetLag::Within(Duration::from_secs(seconds));
        assert_eq!(lag(text), Some(expected), "{text}");
    }
    assert_eq!(lag("downstream"), Some(TargetLag::Downstream));
    assert_eq!(lag("DOWNSTREAM"), Some(TargetLag::Downstream));
}

#[test]
fn a_wrong_target_lag_is_answered_with_the_right_form() {
    let fault = |lag: &str| {
        let sql = format!("{{{{ config(materialized='table', target_lag={lag}) }}}} select 1 as a");
        faults(&[("models/m.sql", &sql)])
    };
    assert_eq!(
        fault("'5 minuts'"),
        "models/m.sql: `target_lag` is `5 minuts`; write a duration such as `5 minutes`, or `downstream`"
    );
    assert_eq!(
        fault("300"),
        "models/m.sql: `target_lag` is `300`, without a unit; write it such as `5 minutes`"
    );
    for wrong in ["'0 s'", "'999 ms'", "'367 days'"] {
        assert!(
            fault(wrong).contains("write at least `1 second` and at most `366 days`"),
            "{}",
            fault(wrong)
        );
    }
    for wrong in ["'-5 minutes'", "'5'", "'1 month'", "['1h']"] {
        assert!(
            fault(wrong).contains("such as `5 minutes`"),
            "{}",
            fault(wrong)
        );
    }
}

#[test]
fn a_target_lag_of_a_view_has_no_effect() {
    let project = read(&[(
        "models/m.sql",
        "{{ config(target_lag='5 minutes') }} select 1 as a",
    )]);
    assert_eq!(
        warnings(&project.expect("right")),
        "models/m.sql: a view is computed when it is read, so its `target_lag` has no effect"
    );
}

#[test]
fn a_wrong_value_is_a_fault_of_the_file_that_has_it() {
    let files = [
        ("dbt_project.yml", "models: {+materialized: tabel}"),
        ("models/m.sql", "select 1 as a"),
        ("models/n.sql", "{{ config(tags=3) }} select 1 as a"),
    ];
    let told = faults(&files);
    assert!(
        told.contains(
            "dbt_project.yml: `materialized` is `tabel`; write `view`, `table` or `incremental`"
        ),
        "{told}"
    );
    assert!(
        told.contains("models/n.sql: `tags` is `3`; write a name, or a list of names"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 2, "{told}");
}

/// Reads files of a pipeline whose `pipeline.yaml` has these `vars` and `models`.
fn of_pipeline(
    vars: &Value,
    models: &Value,
    files: &[(&str, &str)],
) -> Result<Project, Vec<Fault>> {
    let map = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let known = Known {
        vars: map(vars),
        models: map(models),
        ..crate::known()
    };

    read_with(&known, files)
}

#[test]
fn what_the_pipeline_configures_wins_over_dbt_project_yml() {
    let files = [
        (
            "dbt_project.yml",
            "name: project\nvars: {a: 1, b: 1, project: {c: 1}}\nmodels: {marts: {+materialized: table, +tags: [old]}}",
        ),
        (
            "models/marts/m.sql",
            "select {{ var('a') }} as a, {{ var('b') }} as b, {{ var('c') }} as c",
        ),
        (
            "models/marts/n.sql",
            "{{ config(tags='own') }} select 1 as a",
        ),
    ];
    let vars = json!({"b": 2, "project": {"c": 2}});
    let models = json!({"+tags": "all", "project": {"marts": {"+materialized": "view", "n": {"+alias": "other"}}}});
    let project = of_pipeline(&vars, &models, &files).expect("right");
    assert_eq!(warnings(&project), "");
    let m = project.model("m").expect("a model");
    assert_eq!(m.sql, "select 1 as a, 2 as b, 2 as c");
    assert_eq!(m.config.materialized, Materialized::View);
    let n = project.model("n").expect("a model");
    assert_eq!(n.config.tags, ["old", "all", "own"]);
    assert_eq!(n.relation.table, "other");
}

#[test]
fn faults_of_what_the_pipeline_configures_name_its_file() {
    let files = [
        ("models/m.sql", "select 1 as a"),
        ("models/n.sql", "select {{ var('since') }} as a"),
    ];
    let models = json!({"+materialised": "table", "+target_lag": "soon", "+pre_hook": "x"});
    let told = of_pipeline(&Value::Null, &models, &files[..1]).expect_err("faults");
    let told = lines(&told);
    assert!(
        told.contains("pipeline.yaml: `materialised` is not known; did you mean `materialized`?"),
        "{told}"
    );
    assert!(
        told.contains("pipeline.yaml: `target_lag` is `soon`"),
        "{told}"
    );
    assert!(
        told.contains("pipeline.yaml: `pre_hook` is not supported"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 3, "{told}");

    let told = of_pipeline(&json!({"sinc": 1}), &Value::Null, &files).expect_err("a fault");
    assert_eq!(
        lines(&told),
        "models/n.sql:1: variable `since` has no default, and no value under `vars:` of `pipeline.yaml` or `dbt_project.yml`; did you mean `sinc`?"
    );
}

#[test]
fn configuration_of_a_folder_that_is_not_there_is_warned_of() {
    let files = [("models/staging/m.sql", "select 1 as a")];
    let models = json!({"stagin": {"+tags": "a"}, "staging": {"contract": {"enforced": false}, "m": {"+tags": "b"}}});
    let project = of_pipeline(&Value::Null, &models, &files).expect("right");
    assert_eq!(
        warnings(&project),
        "pipeline.yaml: `stagin` below `models:` is no folder and no model in `models/`; did you mean `staging`?\npipeline.yaml: `staging/contract` below `models:` is no folder and no model in `models/`; write `+contract` if it is configuration"
    );
}
