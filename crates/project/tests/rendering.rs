//! What dbt's functions give to a template, and which SQL is refused.

use crate::{faults, rendered, sql};

#[test]
fn references_become_quoted_names() {
    assert_eq!(
        rendered(
            "select * from {{ ref('orders') }} join {{ source('shop', 'orders') }} using (order_id)"
        ),
        r#"select * from "lake"."marts"."orders" join "lake"."staging"."orders" using (order_id)"#
    );
}

#[test]
fn a_declared_source_is_found() {
    let yaml = "sources:\n- {name: crm, database: other, schema: raw, tables: [{name: people, identifier: person}]}";
    let files = [
        (
            "models/m.sql",
            "select * from {{ source('crm', 'people') }}",
        ),
        ("models/s.yml", yaml),
    ];
    assert_eq!(sql(&files), r#"select * from "other"."raw"."person""#);
}

#[test]
fn a_models_alias_and_schema_count_for_its_readers() {
    let files = [
        (
            "models/a.sql",
            "{{ config(alias='first', schema='extra') }} select 1 as one",
        ),
        ("models/b.sql", "select * from {{ ref('a') }}"),
    ];
    assert_eq!(sql(&files), r#"select * from "lake"."extra"."first""#);
}

#[test]
fn variables_come_from_dbt_project_yml() {
    let project = "name: shop\nvars: {since: '2024-01-01', shop: {limit: 5}}";
    let files = [
        ("dbt_project.yml", project),
        (
            "models/m.sql",
            "select '{{ var('since') }}' as since, {{ var('limit') }} as most, {{ var('other', 7) }} as other",
        ),
    ];
    assert_eq!(
        sql(&files),
        "select '2024-01-01' as since, 5 as most, 7 as other"
    );
}

#[test]
fn a_listed_environment_variable_can_be_read_and_no_other() {
    assert_eq!(
        rendered("select '{{ env_var('REGION') }}' as region"),
        "select 'north' as region"
    );
    let fault = faults(&[(
        "models/m.sql",
        "select 1 as a,\n '{{ env_var('SECRET') }}' as b",
    )]);
    assert_eq!(
        fault,
        "models/m.sql:2: templates may not read the environment variable `SECRET`; add it to `pipelines.env` of the settings, and to the `env` of the pipeline in `pipelines.allowed` if that lists it"
    );
}

#[test]
fn an_incremental_branch_is_left_out() {
    assert_eq!(
        rendered("select 1 as a{% if is_incremental() %} where false{% endif %}"),
        "select 1 as a"
    );
}

#[test]
fn what_needs_a_server_is_refused_by_name() {
    assert!(
        faults(&[(
            "models/m.sql",
            "{% set r = run_query('select 1') %}select 1"
        )])
        .contains("`run_query` is not supported; a model is rendered without a server")
    );
    assert!(
        faults(&[(
            "models/m.sql",
            "select {{ adapter.get_relation('a', 'b', 'c') }}"
        )])
        .contains("`adapter.get_relation` is not supported")
    );
    let fault = faults(&[(
        "models/m.sql",
        "{% set states = dbt_utils.get_column_values(ref('orders'), 'state') %}select 1",
    )]);
    assert_eq!(
        fault,
        "models/m.sql:1: `dbt_utils.get_column_values` is not supported; write the values as a list: the SQL of a model may not depend on data"
    );
}

#[test]
fn an_error_that_a_template_raises_is_its_fault() {
    assert_eq!(
        faults(&[(
            "models/m.sql",
            "select 1\n{{ exceptions.raise_compiler_error('no orders') }}"
        )]),
        "models/m.sql:2: no orders"
    );
}

#[test]
fn a_wrong_name_gets_the_nearest_right_one() {
    assert_eq!(
        faults(&[("models/m.sql", "select *\nfrom {{ ref('order') }}")]),
        "models/m.sql:2: `ref('order')` is no model and no table of the pipeline; did you mean `orders`?"
    );
    assert!(
        faults(&[(
            "models/m.sql",
            "select * from {{ source('shop', 'order') }}"
        )])
        .contains("did you mean `shop.orders`?")
    );
}

#[test]
fn a_model_that_writes_is_refused() {
    assert!(
        faults(&[("models/m.sql", "insert into t select 1")])
            .contains("this one begins with `insert`")
    );
    assert!(
        faults(&[("models/m.sql", "select 1; drop table t")]).contains("remove what is behind `;`")
    );
    assert_eq!(
        rendered("-- a note; with a semicolon\nselect ';' as a;"),
        "-- a note; with a semicolon\nselect ';' as a"
    );
}

#[test]
fn all_faults_are_told() {
    let fault = faults(&[
        ("models/a.sql", "select {{ ref('x1') }}"),
        ("models/b.sql", "select {{ ref('x2') }}"),
    ]);
    assert_eq!(fault.lines().count(), 2, "{fault}");
}

#[test]
fn target_this_and_defaults_can_be_asked() {
    assert_eq!(
        rendered(
            "select '{{ target.name }}' as a{% if target.type == 'trino' %}, 1 as b{% endif %}"
        ),
        "select 'prod' as a, 1 as b"
    );
    assert_eq!(
        rendered("{% if this %}select '{{ this.identifier }}' as a{% endif %}"),
        "select 'm' as a"
    );
    assert_eq!(
        rendered(
            "select {{ var('x', default=1) }} as a, {{ config.get('y', default=2) }} as b{% if var('z', none) %}, 3 as c{% endif %}"
        ),
        "select 1 as a, 2 as b"
    );
    assert_eq!(
        rendered("select 1 as a{% if config.get('missing') %}, 2 as b{% endif %}"),
        "select 1 as a"
    );
}

#[test]
fn hidden_semicolons_are_found() {
    assert!(
        faults(&[("models/m.sql", "select 1 /*/' */ ; drop table x --'")])
            .contains("remove what is behind `;`")
    );
}

#[test]
fn a_model_knows_its_names() {
    assert_eq!(
        rendered(
            "{{ config(alias='other') }}select '{{ model.name }}', '{{ model.alias }}', '{{ model.unique_id }}', {{ this.render() }}"
        ),
        r#"select 'm', 'other', 'model.shop.m', "lake"."marts"."other""#
    );
}

#[test]
fn a_version_of_a_model_is_refused() {
    let fault = faults(&[("models/m.sql", "select * from {{ ref('orders', v=1) }}")]);
    assert_eq!(
        fault,
        "models/m.sql:1: models have no versions; give each version a name, and write `ref` with that name"
    );
}
