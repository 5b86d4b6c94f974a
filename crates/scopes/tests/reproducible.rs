//! Which columns may differ when a query runs again over the same rows.

use icefront_scopes::{Catalog, Column, Query, Relation, RelationKind};

fn loose(sql: &str) -> Option<Vec<String>> {
    let columns = ["id", "customer", "amount"].map(|name| Column {
        name: name.into(),
        data_type: "bigint".into(),
    });
    let orders = Relation {
        name: vec!["lake".into(), "marts".into(), "orders".into()],
        columns: columns.into(),
        kind: RelationKind::Table,
    };
    let catalog = Catalog::new("lake", "marts", vec![orders]);
    let query = Query::read(sql, &catalog).unwrap_or_else(|reason| panic!("{reason}"));

    query.not_reproducible_columns()
}

#[test]
fn a_column_that_takes_any_row_is_loose_through_derived_tables_and_expressions() {
    let columns = loose(
        "select customer, c.last || '!' as shown, c.total from (
           select customer, any_value(cast(amount as varchar)) as last, sum(amount) as total from orders group by customer
         ) as c",
    );

    assert_eq!(columns, Some(vec!["shown".to_owned()]));
}

#[test]
fn an_order_within_an_aggregate_makes_it_reproducible() {
    let ordered = "select customer, array_agg(id order by id) as ids, listagg(cast(id as varchar), ',') within group (order by id) as texts from orders group by customer";

    assert_eq!(loose(ordered), Some(Vec::new()));
    let columns = loose("select customer, array_agg(id) as ids from orders group by customer");
    assert_eq!(columns, Some(vec!["ids".to_owned()]));
}

#[test]
fn a_loose_value_that_decides_which_rows_there_are_makes_all_of_them_loose() {
    for sql in [
        "select customer from orders group by customer having any_value(amount) > 3",
        "select distinct any_value(amount) as one from orders group by customer",
        "select id from orders where amount > (select approx_percentile(amount, 0.5) from orders)",
        "select any_value(amount) as a from orders group by customer union select 1 as a",
    ] {
        assert_eq!(loose(sql), None, "{sql}");
    }
    let union = "select customer, any_value(amount) as a from orders group by customer union all select id, amount from orders";
    assert_eq!(loose(union), Some(vec!["a".to_owned()]));
}
