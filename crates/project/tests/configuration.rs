//! Where configuration stands, and which words are refused.

use icefront_project::{Materialized, Refresh};

use crate::{faults, read};

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
            "{{ config(incremental_strategy='merge') }} select 1 as a"
        )])
        .contains("Icefront finds the rows that changed by itself")
    );
    assert!(
        faults(&[("dbt_project.yml", "name: shop\nsnapshots: {}")])
            .contains("`snapshots` is not supported")
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
