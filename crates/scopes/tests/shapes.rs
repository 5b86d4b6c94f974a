//! Which shapes of queries are incremental, one test for each.

use crate::given::{Given, finds, incremental, is_full};

/// Orders of customers: order 2 becomes more, order 4 goes to another customer, order 5 is new.
const ORDERS: Given = Given(
    "orders",
    "id,customer,amount",
    "1 1 10; 2 1 20; 3 2 30; 4 3 40",
    "1 1 10; 2 1 25; 3 2 30; 4 2 40; 5 4 50",
);
const CUSTOMERS: Given = Given(
    "customers",
    "id,city",
    "1 7; 2 7; 3 8; 4 9",
    "1 7; 2 7; 3 8; 4 9",
);
/// As it was: nothing of it changes.
const STILL: Given = Given(
    "orders",
    "id,customer,amount",
    "1 1 10; 2 1 20",
    "1 1 10; 2 1 20",
);
/// Customer 2 moves to city 8.
const MOVED: Given = Given("customers", "id,city", "1 7; 2 7", "1 7; 2 8");

#[tokio::test]
async fn filter_and_projection() {
    let sql = "select id, amount * 2 as twice from orders where amount > 22";
    finds(sql, "id", "id,twice", &[ORDERS], &["2", "5"]).await;
}

#[tokio::test]
async fn unnest() {
    let sql = "select o.id, t.n from orders o cross join unnest(sequence(1, o.customer)) as t (n)";
    finds(sql, "id", "id,n", &[ORDERS], &["4", "5"]).await;
}

#[tokio::test]
async fn inner_join() {
    let sql = "select o.id, c.city from orders o join customers c on c.id = o.customer";
    finds(
        sql,
        "id",
        "id,city",
        &[STILL, Given("customers", "id,city", "1 7; 2 7", "1 8; 2 7")],
        &["1", "2"],
    )
    .await;
}

#[tokio::test]
async fn left_join() {
    let sql = "select c.id, o.amount from customers c left join orders o on o.customer = c.id";
    finds(
        sql,
        "id",
        "id,amount",
        &[ORDERS, CUSTOMERS],
        &["1", "2", "3", "4"],
    )
    .await;
}

#[tokio::test]
async fn right_join() {
    let sql = "select c.id, o.amount from orders o right join customers c on o.customer = c.id";
    finds(
        sql,
        "id",
        "id,amount",
        &[ORDERS, CUSTOMERS],
        &["1", "2", "3", "4"],
    )
    .await;
}

#[tokio::test]
async fn join_with_using() {
    let a = Given("a", "k,v", "1 1; 2 2", "1 1; 2 3");
    let b = Given("b", "k,w", "1 1; 2 2", "1 5; 2 2");
    finds(
        "select k, v, w from a join b using (k)",
        "k",
        "k,v,w",
        &[a, b],
        &["1", "2"],
    )
    .await;
}

#[tokio::test]
async fn star_over_using() {
    let a = Given("a", "k,v", "1 1; 2 2", "1 1; 2 3");
    let b = Given("b", "k,w", "1 1; 2 2", "1 1; 2 2");
    finds(
        "select * from a join b using (k)",
        "k",
        "k,v,w",
        &[a, b],
        &["2"],
    )
    .await;
}

#[tokio::test]
async fn group_by_over_a_join() {
    let sql = "select c.city, sum(o.amount) as revenue from orders o join customers c on c.id = o.customer group by c.city";
    finds(
        sql,
        "city",
        "city,revenue",
        &[ORDERS, CUSTOMERS],
        &["7", "8", "9"],
    )
    .await;
}

#[tokio::test]
async fn a_row_that_moves_affects_both_groups() {
    let sql = "select c.city, count(*) as n from orders o join customers c on c.id = o.customer group by c.city";
    let orders = Given(
        "orders",
        "id,customer,amount",
        "1 1 10; 2 2 20",
        "1 1 10; 2 2 20",
    );
    finds(sql, "city", "city,n", &[orders, MOVED], &["7", "8"]).await;
}

#[tokio::test]
async fn having() {
    let sql =
        "select customer, count(*) as n from orders group by customer having sum(amount) > 42";
    finds(sql, "customer", "customer,n", &[ORDERS], &["2", "4"]).await;
}

#[tokio::test]
async fn distinct() {
    finds(
        "select distinct customer from orders",
        "customer",
        "customer",
        &[ORDERS],
        &["3", "4"],
    )
    .await;
}

#[tokio::test]
async fn union_all() {
    let sql = "select id, amount from orders where amount < 22 union all select id, 0 from orders where amount > 44";
    finds(sql, "id", "id,amount", &[ORDERS], &["2", "5"]).await;
}

#[tokio::test]
async fn union_intersect_and_except() {
    let sql = "select customer from orders where amount > 22 union select id from customers where city = 9";
    finds(
        sql,
        "customer",
        "customer",
        &[ORDERS, CUSTOMERS],
        &["1", "3"],
    )
    .await;
    let sql = "select customer from orders where amount > 22 intersect select id from customers where city = 7";
    finds(sql, "customer", "customer", &[ORDERS, CUSTOMERS], &["1"]).await;
    let sql = "select id from customers except select customer from orders";
    finds(sql, "id", "id", &[ORDERS, CUSTOMERS], &["3", "4"]).await;
}

#[tokio::test]
async fn exists_and_not_exists() {
    let sql = "select c.id from customers c where exists (select 1 from orders o where o.customer = c.id and o.amount > 22)";
    finds(sql, "id", "id", &[ORDERS, CUSTOMERS], &["1", "3", "4"]).await;
    let sql = "select c.id from customers c where not exists (select 1 from orders o where o.customer = c.id)";
    finds(sql, "id", "id", &[ORDERS, CUSTOMERS], &["3", "4"]).await;
}

#[tokio::test]
async fn scalar_subquery_in_select_and_where() {
    let sql = "select c.id, (select max(o.amount) from orders o where o.customer = c.id) as most from customers c";
    finds(
        sql,
        "id",
        "id,most",
        &[ORDERS, CUSTOMERS],
        &["1", "2", "3", "4"],
    )
    .await;
    let sql = "select o.id from orders o where o.amount = (select max(x.amount) from orders x where x.customer = o.customer)";
    finds(sql, "id", "id", &[ORDERS], &["3", "5"]).await;
}

#[tokio::test]
async fn lateral_with_limit() {
    let sql = "select c.id, t.amount from customers c left join lateral (select o.amount from orders o where o.customer = c.id order by o.amount desc limit 1) t on true";
    finds(
        sql,
        "id",
        "id,amount",
        &[ORDERS, CUSTOMERS],
        &["1", "2", "3", "4"],
    )
    .await;
}

#[tokio::test]
async fn in_alone_and_under_or() {
    let sql = "select c.id from customers c where c.id in (select o.customer from orders o where o.amount > 22)";
    finds(sql, "id", "id", &[ORDERS, CUSTOMERS], &["1", "3", "4"]).await;
    let sql =
        "select c.id from customers c where c.city = 7 or c.id in (select customer from orders)";
    finds(sql, "id", "id", &[ORDERS, CUSTOMERS], &["3", "4"]).await;
}

#[tokio::test]
async fn not_in_alone_is_full() {
    let sql = "select c.id from customers c where c.id not in (select o.customer from orders o)";
    is_full(sql, "id", "id", &[ORDERS, CUSTOMERS], "no equality links").await;
}

#[tokio::test]
async fn window_with_the_scope_in_partition_by() {
    let sql = "select id, customer, row_number() over (partition by customer order by amount, id) as rn from orders";
    finds(
        sql,
        "customer",
        "id,customer,rn",
        &[ORDERS],
        &["2", "3", "4"],
    )
    .await;
    is_full(sql, "id", "id,customer,rn", &[ORDERS], "PARTITION BY").await;
}

#[tokio::test]
async fn a_filter_over_a_window() {
    let sql = "select id, customer from (select id, customer, row_number() over (partition by customer order by amount desc, id) as rn from orders) t where rn = 1";
    finds(sql, "customer", "id,customer", &[ORDERS], &["2", "3", "4"]).await;
}

#[tokio::test]
async fn grouping_sets_with_the_scope_in_each() {
    let sql = "select customer, id, sum(amount) as s from orders group by grouping sets ((customer, id), (customer))";
    finds(
        sql,
        "customer",
        "customer,id,s",
        &[ORDERS],
        &["1", "2", "3", "4"],
    )
    .await;
    is_full(
        "select customer, sum(amount) as s from orders group by rollup (customer)",
        "customer",
        "customer,s",
        &[ORDERS],
        "GROUP BY",
    )
    .await;
}

#[tokio::test]
async fn full_join_by_its_key() {
    let a = Given("a", "k,v", "1 1; 2 2; - 5", "1 1; 3 2; - 5");
    let b = Given("b", "k,w", "2 1; 4 2", "2 1; 4 3");
    let sql = "select coalesce(a.k, b.k) as k, a.v, b.w from a full join b on a.k = b.k";
    finds(sql, "k", "k,v,w", &[a, b], &["2", "3", "4"]).await;
    let a = Given("a", "k,v", "1 1; 2 2", "1 1; 3 2");
    let b = Given("b", "k,w", "2 1; 4 2", "2 1; 4 3");
    finds(
        "select k, v, w from a full join b using (k)",
        "k",
        "k,v,w",
        &[a, b],
        &["2", "3", "4"],
    )
    .await;
}

#[tokio::test]
async fn a_cte_is_a_leaf_at_each_of_its_uses() {
    let sql = "with t as (select customer, max(amount) as most from orders group by customer) \
        select a.customer, b.most from t a left join t b on b.customer = a.customer";
    finds(
        sql,
        "customer",
        "customer,most",
        &[ORDERS],
        &["1", "2", "3", "4"],
    )
    .await;
}

#[tokio::test]
async fn a_table_without_a_link_is_full_only_when_it_changes() {
    let sql = "select o.id, c.city from orders o cross join customers c";
    finds(sql, "id", "id,city", &[ORDERS, CUSTOMERS], &["5"]).await;
    is_full(sql, "id", "id,city", &[STILL, MOVED], "no equality links").await;
}

#[tokio::test]
async fn an_uncorrelated_subquery_is_full_when_its_value_differs() {
    let sql = "select c.id, c.city from customers c where c.id < (select count(*) from orders)";
    is_full(
        sql,
        "id",
        "id,city",
        &[ORDERS, CUSTOMERS],
        "no equality links",
    )
    .await;
    finds(
        sql,
        "id",
        "id,city",
        &[STILL, Given("customers", "id,city", "1 7; 2 7", "1 8; 2 7")],
        &["1"],
    )
    .await;
}

#[tokio::test]
async fn an_uncorrelated_subquery_whose_value_stays_has_no_effect() {
    let changed = [
        ORDERS,
        Given("customers", "id,city", "1 7; 2 7", "1 8; 2 7"),
    ];
    let of = |condition: &str| format!("select c.id, c.city from customers c where {condition}");
    for condition in [
        "c.id <= (select min(amount) from orders)",
        "exists (select 1 from orders where amount < 15)",
        "not exists (select 1 from orders where amount > 90)",
        "c.id not in (select customer + 7 from orders where customer < 3)",
    ] {
        finds(&of(condition), "id", "id,city", &changed, &["1"]).await;
    }
    for condition in [
        "c.id <= (select max(amount) from orders)",
        "exists (select 1 from orders where amount > 45)",
        "not exists (select 1 from orders where amount > 45)",
        "c.id not in (select customer from orders)",
    ] {
        let reason = "no equality links";
        is_full(&of(condition), "id", "id,city", &changed, reason).await;
    }
}

#[tokio::test]
async fn an_aggregate_of_all_rows_in_from_has_no_effect_while_it_stays() {
    let of = |aggregate: &str| {
        format!(
            "select o.id, o.amount, t.n from orders o cross join (select {aggregate} as n from customers) t"
        )
    };
    let (sum, count) = (of("sum(city)"), of("count(*)"));
    finds(&count, "id", "id,amount,n", &[ORDERS, MOVED], &["2", "5"]).await;
    is_full(&sum, "id", "id,amount,n", &[ORDERS, MOVED], "no equality").await;
}

#[tokio::test]
async fn a_subquery_with_the_time_is_compared_at_both_times() {
    let of = |until: &str| {
        format!(
            "select o.id, o.amount from orders o where o.amount > (select count(*) from customers c where date_add('day', c.id, date '2025-12-31') < {until})"
        )
    };
    let given = [STILL, CUSTOMERS];
    let today = of("current_date");
    is_full(&today, "id", "id,amount", &given, "no equality links").await;
    let later = of("date_add('day', 9, current_date)");
    finds(&later, "id", "id,amount", &given, &[]).await;
}

#[tokio::test]
async fn limit_and_an_aggregate_of_everything_are_full() {
    is_full(
        "select id from orders order by amount limit 2",
        "id",
        "id",
        &[ORDERS],
        "limit",
    )
    .await;
    is_full(
        "select count(*) as n, 1 as one from orders",
        "one",
        "n,one",
        &[ORDERS],
        "cannot cut",
    )
    .await;
}

#[tokio::test]
async fn recursion_random_numbers_and_unknown_functions_are_full() {
    let recursive = "with recursive t (n) as (select id from orders union all select n + 1 from t where n < 3) select n from t";
    is_full(recursive, "n", "n", &[ORDERS], "recursive").await;
    is_full(
        "select id, random() as r from orders",
        "id",
        "id,r",
        &[ORDERS],
        "another result each time",
    )
    .await;
    is_full(
        "select id, my_function(amount) as r from orders",
        "id",
        "id,r",
        &[ORDERS],
        "`my_function` is not known",
    )
    .await;
}

#[tokio::test]
async fn a_time_over_more_than_one_table_is_full() {
    let sql = "select o.id from orders o join customers c on c.id = o.customer where o.amount + c.city > day(current_date)";
    is_full(
        sql,
        "id",
        "id",
        &[STILL, Given("customers", "id,city", "1 7", "1 7")],
        "time of the refresh",
    )
    .await;
}

#[tokio::test]
async fn a_time_in_a_column_that_nothing_reads_does_not_decide() {
    let sql = "select customer, sum(amount) as total from (
          select id, customer, amount, day(current_date) + id + (select count(*) from customers) as age from orders
        ) as o group by customer";
    finds(
        sql,
        "customer",
        "customer,total",
        &[ORDERS, MOVED],
        &["1", "2", "3", "4"],
    )
    .await;
    let union = "select customer, count(*) as orders from (
          select customer, day(current_date) * id as age from orders union all select customer, id from orders
        ) as o group by customer";
    finds(
        union,
        "customer",
        "customer,orders",
        &[ORDERS],
        &["2", "3", "4"],
    )
    .await;
}

#[tokio::test]
async fn an_aggregate_of_all_rows_that_nothing_reads_still_makes_one_row_of_them() {
    let sql = "select o.id, l.k from orders o cross join (select max(amount) as m, 7 as k from orders) as l where l.k = 7";
    incremental(sql, "id", "id,k", &[CUSTOMERS, STILL]).await;
    let lateral = "select o.id, l.k from orders o cross join lateral (
          select o.id as k, count(*) as n from customers c where c.id = o.customer
        ) as l";
    incremental(lateral, "id", "id,k", &[ORDERS, CUSTOMERS]).await;
}

#[tokio::test]
async fn a_distinct_column_decides_although_nothing_reads_it() {
    let sql = "select customer, count(*) as places from (select distinct customer, amount from orders) as o group by customer";
    finds(
        sql,
        "customer",
        "customer,places",
        &[Given(
            "orders",
            "id,customer,amount",
            "1 1 10; 2 1 10; 3 2 5",
            "1 1 10; 2 1 11; 3 2 5",
        )],
        &["1"],
    )
    .await;
}

#[tokio::test]
async fn a_named_window_is_written_out() {
    let sql =
        "select id, customer, row_number() over w as place, sum(amount) over w as total from orders
        window w as (partition by customer order by id)";
    finds(
        sql,
        "customer",
        "id,customer,place,total",
        &[ORDERS],
        &["1", "2", "3", "4"],
    )
    .await;
}

#[tokio::test]
async fn grouping_tells_the_set_of_a_row() {
    let sql =
        "select customer, grouping(customer, amount) as of_set, count(*) as orders from orders
        group by grouping sets ((customer, amount), (customer))";
    finds(
        sql,
        "customer",
        "customer,of_set,orders",
        &[ORDERS],
        &["2", "3", "4"],
    )
    .await;
}

#[tokio::test]
async fn what_the_parser_does_not_know_to_the_last_word_is_full() {
    is_full(
        "select id, json_value('{}', 'lax $.a' null on empty) as j from orders",
        "id",
        "id,j",
        &[ORDERS],
        "",
    )
    .await;
}
