//! Which models are selected, in the words of dbt.

use std::collections::{BTreeMap, BTreeSet};

use icefront_project::{Last, Project};

use crate::read;

/// orders → staged → daily → monthly, and orders, customers → joined → report.
fn project() -> Project {
    let files = [
        (
            "models/staging/staged.sql",
            "{{ config(tags=['nightly']) }} select * from {{ ref('orders') }}",
        ),
        (
            "models/marts/daily.sql",
            "{{ config(materialized='table') }} select * from {{ ref('staged') }}",
        ),
        (
            "models/marts/monthly.sql",
            "{{ config(tags=['nightly']) }} select * from {{ ref('daily') }}",
        ),
        (
            "models/marts/joined.sql",
            "select * from {{ ref('staged') }}, {{ ref('customers') }}",
        ),
        (
            "models/marts/report.sql",
            "select * from {{ ref('joined') }}, {{ source('shop', 'orders') }}",
        ),
    ];

    read(&files).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn last() -> Last {
    Last {
        new: BTreeSet::new(),
        modified: BTreeSet::from(["daily".to_owned()]),
        results: BTreeMap::from([("report".to_owned(), "error".to_owned())]),
    }
}

/// The models that words name, without those that others name.
fn selected(select: &str, exclude: &str) -> String {
    let project = project();
    let named = |words: &str| {
        project
            .named(words, &last())
            .unwrap_or_else(|fault| panic!("{fault}"))
    };
    let excluded = named(exclude);
    let models = project.models.iter().map(|model| model.name.clone());
    let models: BTreeSet<String> = models.collect();
    let selected = named(select).into_iter();
    let selected = selected.filter(|name| models.contains(name) && !excluded.contains(name));

    selected.collect::<Vec<_>>().join(" ")
}

fn fault(words: &str) -> String {
    project().named(words, &last()).expect_err("a fault")
}

#[test]
fn models_come_after_those_that_they_read() {
    let names: Vec<_> = project()
        .models
        .into_iter()
        .map(|model| model.name)
        .collect();
    assert_eq!(names, ["staged", "daily", "joined", "monthly", "report"]);
}

#[test]
fn plus_takes_what_is_before_and_behind() {
    assert_eq!(selected("daily", ""), "daily");
    assert_eq!(selected("+daily", ""), "daily staged");
    assert_eq!(selected("daily+", ""), "daily monthly");
    assert_eq!(selected("1+monthly", ""), "daily monthly");
    assert_eq!(selected("staged+1", ""), "daily joined staged");
    assert_eq!(selected("@daily", ""), "daily monthly staged");
    assert_eq!(selected("orders+1", ""), "staged");
    assert_eq!(selected("customers+", ""), "joined report");
    assert_eq!(selected("source:shop.orders+", ""), "report");
}

#[test]
fn methods_select_by_what_a_model_is() {
    assert_eq!(selected("tag:nightly", ""), "monthly staged");
    assert_eq!(selected("path:models/staging", ""), "staged");
    assert_eq!(selected("path:marts", ""), "daily joined monthly report");
    assert_eq!(selected("config.materialized:table", ""), "daily");
    assert_eq!(selected("state:modified+", ""), "daily monthly");
    assert_eq!(selected("result:error", ""), "report");
    assert_eq!(selected("m*", ""), "monthly");
}

#[test]
fn blanks_unite_commas_intersect_and_exclude_takes_away() {
    assert_eq!(selected("daily report", ""), "daily report");
    assert_eq!(selected("tag:nightly,path:marts", ""), "monthly");
    assert_eq!(selected("staged+", "report joined"), "daily monthly staged");
}

#[test]
fn a_word_that_means_nothing_is_refused_with_the_nearest() {
    assert_eq!(
        fault("dayly"),
        "`dayly` is no model and no table that a model reads; did you mean `daily`?"
    );
    assert_eq!(
        fault("tags:x"),
        "models are not selected by `tags:`; did you mean `tag`?"
    );
}
