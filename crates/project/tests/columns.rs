//! Macros that need the columns of a table, without a server.

use std::collections::BTreeMap;

use icefront_project::{Column, Known, Project, Relation};

use crate::{faults, read_with, warnings};

const SOURCES: &str = "sources: [{name: crm, tables: [{name: people, columns: [{name: id, data_type: bigint}, {name: Name, description: x}]}, {name: places}]}]";
const FIRST: (&str, &str) = ("models/first.sql", "select 1 as id, 2 as amount");
const LISTED: (&str, &str) = (
    "models/first.yml",
    "models: [{name: first, config: {contract: {enforced: true}, materialized: table}, columns: [{name: id, data_type: integer}, {name: amount, data_type: integer}]}]",
);

/// A project in which the columns of the table `orders` are known, with a model `m` of this text.
fn project(text: &str) -> Project {
    let column = |name: &str| Column {
        name: name.into(),
        data_type: Some("varchar".into()),
    };
    let orders = Relation::new("lake", "marts", "orders");
    let known = Known {
        columns: BTreeMap::from([(orders, vec![column("order_id"), column("amount")])]),
        ..crate::known()
    };
    let files = [
        FIRST,
        LISTED,
        ("models/s.yml", SOURCES),
        ("models/m.sql", text),
    ];

    read_with(&known, &files).unwrap_or_else(|faults| panic!("{faults:?}"))
}

pub(crate) fn rendered(text: &str) -> String {
    let project = project(text);
    assert_eq!(project.warnings, []);

    project.model("m").expect("a model").sql.clone()
}

#[test]
fn star_lists_the_columns_of_tables_models_and_sources() {
    assert_eq!(
        rendered("select {{ dbt_utils.star(from=ref('orders')) }} from t"),
        "select \"order_id\",\n  \"amount\" from t"
    );
    assert_eq!(
        rendered(
            "select {{ dbt_utils.star(ref('first'), except=['ID'], relation_alias='f', prefix='first_', suffix='_x') }} from t"
        ),
        r#"select f."amount" as "first_amount_x" from t"#
    );
    assert_eq!(
        rendered(
            "select {{ dbt_utils.star(source('crm', 'people'), quote_identifiers=false, prefix='p_') }} from t"
        ),
        "select id as p_id,\n  Name as p_Name from t"
    );
    assert_eq!(
        rendered(
            "select {% for name in dbt_utils.get_filtered_columns_in_relation(from=ref('orders'), except=['amount']) %}{{ name }}{% endfor %}"
        ),
        "select order_id"
    );
}

#[test]
fn a_macro_of_the_project_can_ask_for_columns() {
    assert_eq!(
        rendered(
            "select {% for c in adapter.get_columns_in_relation(ref('first')) %}{{ c.quoted }} as {{ c.name }}_{{ c.data_type }}{{ ', ' if not loop.last }}{% endfor %}"
        ),
        r#"select "id" as id_integer, "amount" as amount_integer"#
    );
}

#[test]
fn columns_that_are_not_known_are_a_fault_with_what_to_do() {
    let fault = |table: &str| {
        let text = format!("select\n{{{{ dbt_utils.star({table}) }}}} from t");
        faults(&[FIRST, ("models/s.yml", SOURCES), ("models/m.sql", &text)])
    };
    assert!(
        fault("ref('first')").ends_with(r#"the columns of "lake"."marts"."first" are not known; list all columns of `first` under `columns` in its YAML"#),
        "{}",
        fault("ref('first')")
    );
    assert!(
        fault("source('crm', 'places')")
            .contains("list all columns of `crm.places` under `sources:`")
    );
    assert!(fault("ref('orders')").contains("write the names of the columns of `orders`"));
    assert!(
        fault("'renamed'").contains(
            "the columns of `renamed` are not known; only those of `ref` and `source` are"
        )
    );
    assert!(fault("source('crm', 'people'), except=['id', 'name']").contains("has no column left"));
}

#[test]
fn columns_of_a_model_without_a_contract_are_warned_of() {
    let yaml = "models: [{name: first, columns: [{name: id}]}]";
    let text = "select {{ dbt_utils.star(ref('first')) }} from {{ ref('first') }}";
    let files = [FIRST, ("models/first.yml", yaml), ("models/m.sql", text)];
    let project = crate::read(&files).expect("right");
    assert_eq!(
        warnings(&project),
        "models/m.sql: it has the columns of `first` that YAML lists, and nothing checks that these are all; write `contract: {enforced: true}` for `first`"
    );
}

#[test]
fn union_relations_gives_null_for_missing_columns() {
    assert_eq!(
        rendered("{{ dbt_utils.union_relations(relations=[ref('orders'), ref('first')]) }}"),
        r#"(select cast('"lake"."marts"."orders"' as varchar) as _dbt_source_relation, "order_id", "amount", null as "id"
from "lake"."marts"."orders")
union all
(select cast('"lake"."marts"."first"' as varchar) as _dbt_source_relation, null as "order_id", "amount", "id"
from "lake"."marts"."first")"#
    );
    assert_eq!(
        rendered(
            "select * from ({{ dbt_utils.union_relations([ref('orders'), ref('first')], column_override={'id': 'bigint'}, exclude=['Amount'], source_column_name=none, where='true') }})"
        ),
        r#"select * from ((select "order_id", cast(null as bigint) as "id"
from "lake"."marts"."orders" where true)
union all
(select null as "order_id", cast("id" as bigint) as "id"
from "lake"."marts"."first" where true))"#
    );
    assert_eq!(
        rendered(
            "{{ dbt_utils.union_relations([ref('first')], include=['ID'], source_column_name='origin') }}"
        ),
        r#"(select cast('"lake"."marts"."first"' as varchar) as origin, "id"
from "lake"."marts"."first")"#
    );
}

#[test]
fn deduplicate_keeps_the_first_row_of_each_group() {
    assert_eq!(
        rendered(
            "{{ dbt_utils.deduplicate(relation=ref('orders'), partition_by='order_id', order_by='amount desc') }}"
        ),
        r#"select "order_id",
  "amount"
from (select *, row_number() over (partition by order_id order by amount desc) as dbt_utils_row_number from "lake"."marts"."orders") as numbered
where dbt_utils_row_number = 1"#
    );
}

#[test]
fn arithmetic_of_dbt_utils_is_there() {
    assert_eq!(
        rendered(
            "select {{ dbt_utils.safe_divide('a', 'b') }}, {{ dbt_utils.safe_add(['a', 'b']) }}, {{ dbt_utils.safe_subtract(['a', 'b']) }} from t {{ dbt_utils.group_by(3) }}"
        ),
        "select (a) / nullif((b), 0), coalesce(a, 0) + coalesce(b, 0), coalesce(a, 0) - coalesce(b, 0) from t group by 1, 2, 3"
    );
    assert_eq!(
        rendered("select 1 {{ dbt_utils.group_by(n=2) }}"),
        "select 1 group by 1, 2"
    );
}
