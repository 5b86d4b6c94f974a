//! Where the columns of a query come from.

use icefront_scopes::{Catalog, Column, Lineage, Query, Relation, RelationKind};

const ORDERS: [&str; 4] = ["id", "customer_id", "day", "amount"];
const CUSTOMERS: [&str; 2] = ["id", "region"];

fn table(name: &str, columns: &[&str]) -> Relation {
    let column = |name: &&str| Column {
        name: (*name).into(),
        data_type: "bigint".into(),
    };

    Relation {
        name: ["lake", "marts", name].map(str::to_owned).to_vec(),
        columns: columns.iter().map(column).collect(),
        kind: RelationKind::Table,
    }
}

/// A line for each column of the result, and one for the rows: `c.region` is the value, `f(…)` computed, `sum(…)` aggregated.
fn shown(sql: &str) -> Vec<String> {
    let tables = vec![table("orders", &ORDERS), table("customers", &CUSTOMERS)];
    let catalog = Catalog::new("lake", "marts", tables);
    let query = Query::read(sql, &catalog).unwrap_or_else(|reason| panic!("{reason}"));
    let Lineage { columns, rows } = query.lineage();
    let tables = ["o", "c"];
    let mut lines: Vec<String> = columns
        .into_iter()
        .map(|(name, origins)| {
            let origins: Vec<String> = origins
                .iter()
                .map(|(from, made)| format!("{}.{} {made:?}", tables[from.input], from.column))
                .collect();
            format!("{name}: {}", origins.join(", "))
        })
        .collect();
    let rows: Vec<String> = rows
        .iter()
        .map(|(from, how)| format!("{}.{} {how:?}", tables[from.input], from.column))
        .collect();
    lines.push(format!("rows: {}", rows.join(", ")));

    lines
}

#[test]
fn columns_are_followed_through_derived_tables_joins_and_aggregates() {
    let lines = shown(
        "with priced as (select id, customer_id, day, amount * 2 as price from orders where amount is not null)
         select c.region, p.day, count(*) as orders, sum(p.price) as revenue, max(p.id) + 1 as next_id
         from priced p left join customers c on c.id = p.customer_id
         group by c.region, p.day having sum(p.price) > 0",
    );

    assert_eq!(
        lines,
        [
            "region: c.region Same",
            "day: o.day Same",
            "orders: ",
            "revenue: o.amount Aggregated",
            "next_id: o.id Aggregated",
            "rows: o.amount Filter, o.customer_id Join, o.day GroupBy, c.id Join, c.region GroupBy",
        ]
    );
}

#[test]
fn unions_have_both_sides_and_what_is_taken_away_decides_only_over_rows() {
    assert_eq!(
        shown("select id, day as x from orders union all select id, region from customers"),
        [
            "id: o.id Same, c.id Same",
            "x: o.day Same, c.region Same",
            "rows: "
        ]
    );
    assert_eq!(
        shown("select customer_id from orders except select id from customers"),
        ["customer_id: o.customer_id Same", "rows: c.id Filter"]
    );
}

#[test]
fn subqueries_give_values_or_decide_over_rows() {
    assert_eq!(
        shown(
            "select id, coalesce(amount, (select max(amount) from orders)) as amount
             from orders o where exists (select 1 from customers c where c.id = o.customer_id and c.region > 3)"
        ),
        [
            "id: o.id Same",
            "amount: o.amount Aggregated",
            "rows: o.customer_id Filter, c.id Filter, c.region Filter"
        ]
    );
}

#[test]
fn an_alias_of_columns_and_a_star_change_no_origin() {
    assert_eq!(
        shown("select * from (select id, region from customers) as t (key, place)"),
        ["key: c.id Same", "place: c.region Same", "rows: "]
    );
}
