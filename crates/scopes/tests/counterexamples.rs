//! Queries for which a simpler method is wrong, one for each rule.

use crate::given::{Given, finds, is_full};

#[tokio::test]
async fn a_window_below_a_link_makes_the_model_full_if_the_link_is_not_its_partition() {
    let given = [
        Given("a", "id,bid", "10 1; 20 2", "10 1; 20 2"),
        Given("b", "id,cust,ts", "1 7 1; 2 7 2", "2 7 2"),
    ];
    let sql = "select a.id, x.rn from a left join (select id, row_number() over (partition by cust order by ts) rn from b) x on x.id = a.bid";
    is_full(sql, "id", "id,rn", &given, "PARTITION BY").await;
}

#[tokio::test]
async fn a_link_to_an_aggregate_makes_the_model_full() {
    let given = [
        Given("a", "id", "5; 6", "5; 6"),
        Given("t", "g,id", "1 5", "1 5; 1 6"),
    ];
    let sql = "select a.id from a join (select g, max(id) m from t group by g) x on x.m = a.id";
    is_full(sql, "id", "id", &given, "not made of columns").await;
}

#[tokio::test]
async fn a_null_supplied_twin_in_partition_by_is_no_scope() {
    let given = [Given("a", "id", "1; 2", "2"), Given("b", "id", "", "")];
    let sql = "select a.id, count(*) over (partition by b.id) n from a left join b on a.id = b.id";
    is_full(sql, "id", "id,n", &given, "PARTITION BY").await;
}

#[tokio::test]
async fn a_null_supplied_column_is_no_scope() {
    let given = [Given("a", "id", "", "1"), Given("b", "id", "", "")];
    let sql = "select b.id, count(*) n from a left join b on a.id = b.id group by b.id";
    is_full(sql, "id", "id,n", &given, "missing in an outer join").await;
}

#[tokio::test]
async fn an_expression_that_null_rows_pass_is_no_link() {
    let given = [
        Given("a", "id,x", "1 5", "1 5"),
        Given("b", "x,y", "", ""),
        Given("c", "y,v", "", "0 7"),
    ];
    let sql =
        "select a.id, c.v from a left join b on a.x = b.x left join c on coalesce(b.y, 0) = c.y";
    is_full(sql, "id", "id,v", &given, "no equality links").await;
}

#[tokio::test]
async fn a_full_joins_key_that_null_rows_pass_is_no_scope() {
    let given = [Given("a", "c", "-", "-"), Given("b", "k,v", "3 1", "3 2")];
    let sql = "select coalesce(coalesce(a.c, 0), b.k) k, b.v from a full join b on coalesce(a.c, 0) = b.k";
    is_full(sql, "k", "k,v", &given, "cannot cut").await;
}

#[tokio::test]
async fn no_path_leads_through_not_exists() {
    let given = [
        Given("a", "id", "1", "1"),
        Given("m", "id", "", "9"),
        Given("r", "x,y", "", ""),
    ];
    let sql = "select a.id, m.id mid from a cross join m where not exists (select 1 from r where r.x = a.id and r.y = m.id)";
    is_full(sql, "id", "id,mid", &given, "no equality links").await;
}

#[tokio::test]
async fn no_path_leads_into_a_left_join() {
    let given = [
        Given("a", "id", "1", "1"),
        Given("m", "id", "", "9"),
        Given("r", "x,y,v", "", ""),
    ];
    let sql =
        "select a.id, m.id mid, r.v from a cross join m left join r on r.x = a.id and r.y = m.id";
    is_full(sql, "id", "id,mid,v", &given, "no equality links").await;
}

#[tokio::test]
async fn a_left_joins_condition_between_preserved_tables_is_no_link() {
    let given = [
        Given("a", "id,k,p", "1 1 1", "1 1 1"),
        Given("m", "p", "", "9"),
        Given("c", "k,v", "", ""),
    ];
    let sql = "select a.id, m.p, c.v from a cross join m left join c on c.k = a.k and a.p = m.p";
    is_full(sql, "id", "id,p,v", &given, "no equality links").await;
}

#[tokio::test]
async fn all_changes_walk_one_tree() {
    let given = [
        Given("a", "id,x,z", "1 1 1", "1 1 1"),
        Given("b", "x,y,v", "1 2 0", ""),
        Given("d", "y,z", "2 1", ""),
    ];
    let sql = "select a.id, b.v from a join b on a.x = b.x join d on d.y = b.y and d.z = a.z";
    finds(sql, "id", "id,v", &given, &["1"]).await;
}

#[tokio::test]
async fn an_equality_above_a_window_makes_no_twins_below_it() {
    let given = [Given("a", "x", "5", "3; 5"), Given("b", "y", "5", "5")];
    let sql = "select x, y, rn from (select a.x, b.y, row_number() over (partition by b.y order by a.x) rn from a cross join b) q where x = y";
    is_full(sql, "x", "x,y,rn", &given, "PARTITION BY").await;
}

#[tokio::test]
async fn in_as_a_value_is_no_link() {
    let given = [
        Given("a", "id,x", "1 1", "1 1"),
        Given("r", "y", "2", "2; -"),
    ];
    is_full(
        "select a.id, a.x in (select y from r) f from a",
        "id",
        "id,f",
        &given,
        "no equality links",
    )
    .await;
}

#[tokio::test]
async fn one_of_two_equal_rows_that_goes_is_a_change() {
    let given = [Given("t", "k", "1; 1", "1")];
    finds(
        "select k, count(*) n from t group by k",
        "k",
        "k,n",
        &given,
        &["1"],
    )
    .await;
}

#[tokio::test]
async fn a_link_column_that_moves_affects_both_scopes() {
    let given = [Given("a", "id", "1; 2", "1; 2"), Given("b", "x", "1", "2")];
    let sql = "select a.id, count(b.x) n from a left join b on b.x = a.id group by a.id";
    finds(sql, "id", "id,n", &given, &["1", "2"]).await;
}

#[tokio::test]
async fn the_time_alone_affects_scopes() {
    let given = [Given("t", "id,d", "1 3", "1 3")];
    finds(
        "select id from t where d <= day(current_date)",
        "id",
        "id",
        &given,
        &["1"],
    )
    .await;
}

#[tokio::test]
async fn the_time_in_the_scope_affects_the_old_and_the_new_one() {
    let given = [Given("t", "id,d", "1 1", "1 1")];
    let sql = "select cast(day(current_date) - d as integer) age, count(*) n from t group by 1";
    finds(sql, "age", "age,n", &given, &["1", "2"]).await;
}

#[tokio::test]
async fn the_time_in_a_link_affects_the_old_and_the_new_scope() {
    let given = [
        Given("a", "id,dag", "1 1; 2 2", "1 1; 2 2"),
        Given("b", "ago,v", "1 0", "1 0"),
    ];
    let sql = "select a.id, b.v from a left join b on a.dag = day(current_date) - b.ago";
    finds(sql, "id", "id,v", &given, &["1", "2"]).await;
}

#[tokio::test]
async fn a_renamed_parent_of_a_self_join_affects_its_children() {
    let given = [Given(
        "t",
        "id,parent,name text",
        "1 - 'x'; 2 1 'y'",
        "1 - 'z'; 2 1 'y'",
    )];
    finds(
        "select c.id, p.name from t c join t p on c.parent = p.id",
        "id",
        "id,name text",
        &given,
        &["2"],
    )
    .await;
}

#[tokio::test]
async fn null_is_a_scope() {
    let given = [Given("t", "g,v", "- 1", "- 2")];
    finds(
        "select g, sum(v) s from t group by g",
        "g",
        "g,s",
        &given,
        &["null"],
    )
    .await;
}

#[tokio::test]
async fn not_in_is_incremental_with_an_equality_of_its_own() {
    let given = [
        Given("a", "id,x", "1 1; 2 1", "1 1; 2 1"),
        Given("r", "k,y", "1 2", "1 2; 1 -"),
    ];
    let sql = "select a.id from a where a.x not in (select r.y from r where r.k = a.id)";
    finds(sql, "id", "id", &given, &["1"]).await;
}

#[tokio::test]
async fn a_left_join_whose_null_rows_where_rejects_is_an_inner_one() {
    let given = [Given("a", "id,v", "1 1", "1 2"), Given("b", "id", "1", "1")];
    finds(
        "select b.id, a.v from a left join b on a.id = b.id where b.id > 0",
        "id",
        "id,v",
        &given,
        &["1"],
    )
    .await;
}

#[tokio::test]
async fn the_time_in_the_place_of_a_missing_row_is_full() {
    let given = [Given("a", "id", "1", "1"), Given("b", "id,d", "", "")];
    let sql =
        "select a.id, coalesce(b.d, day(current_date)) as d from a left join b on b.id = a.id";
    is_full(sql, "id", "id,d", &given, "time of the refresh").await;
}

#[tokio::test]
async fn the_time_in_the_place_of_a_column_of_another_grouping_set_is_full() {
    let given = [Given("t", "k,d", "1 7", "1 7")];
    let sql = "select k, coalesce(d, day(current_date)) as x, count(*) n from t group by grouping sets ((k, d), (k))";
    is_full(sql, "k", "k,x,n", &given, "time of the refresh").await;
}

#[tokio::test]
async fn in_over_an_empty_subquery_is_false_and_rejects_no_null_row_under_not() {
    let given = [
        Given("a", "id", "", "1"),
        Given("b", "id,x", "", ""),
        Given("r", "y", "", ""),
    ];
    let sql = "select b.id, count(*) n from a left join b on b.id = a.id where not (b.x in (select y from r)) group by b.id";
    is_full(sql, "id", "id,n", &given, "missing in an outer join").await;
}

#[tokio::test]
async fn columns_of_one_name_are_told_apart_by_an_alias() {
    let given = [Given("a", "id", "1", "1"), Given("b", "id,aid", "", "7 1")];
    let sql = "select q.y as k, count(*) n from (select a.id, b.id from a join b on b.aid = a.id) as q (x, y) group by q.y";
    finds(sql, "k", "k,n", &given, &["7"]).await;
}

#[tokio::test]
async fn a_leaf_that_hangs_on_both_sides_of_a_full_join_is_full() {
    let given = [
        Given("c", "id", "1", "1"),
        Given("a", "k", "1", "1"),
        Given("a2", "x", "5", "5"),
        Given("b", "k", "1", "1"),
        Given("b2", "y", "6", "6"),
        Given("r", "x,y", "", "5 6"),
    ];
    let sql = "select c.id, q.n from c left join (select coalesce(a.k, b.k) as k, count(*) n \
        from (a cross join a2) full join (b cross join b2) on a.k = b.k \
        where exists (select 1 from r where r.x = a2.x and r.y = b2.y) group by coalesce(a.k, b.k)) q on q.k = c.id";
    is_full(sql, "id", "id,n", &given, "no equality links").await;
}

#[tokio::test]
async fn a_star_over_two_joins_with_using_is_not_analysed() {
    let given = [
        Given("a", "k,j", "1 2", "1 2"),
        Given("b", "k,v", "1 3", "1 4"),
        Given("c", "j,w", "2 5", "2 5"),
    ];
    let sql = "select * from a join b using (k) join c using (j)";
    is_full(sql, "k", "j,k,v,w", &given, "`using` and further joins").await;
}

#[tokio::test]
async fn an_expression_over_a_union_of_types_is_no_scope() {
    let given = [Given("a", "d", "", "1"), Given("b", "e text", "'2'", "'2'")];
    let sql = "select cast(length(cast(q.d as varchar)) as integer) as k, count(*) n \
        from (select cast(d as decimal(5,2)) as d from a union all select cast(e as decimal(4,0)) from b) q group by 1";
    is_full(sql, "k", "k,n", &given, "different types").await;
}

#[tokio::test]
async fn an_order_by_an_expression_of_an_item_is_not_analysed() {
    let given = [
        Given("a", "id", "1", "1"),
        Given("r", "k,v", "1 1", "1 1; 1 5"),
    ];
    let sql =
        "select a.id, (select -r.v as v from r where r.k = a.id order by v + 0 limit 1) m from a";
    is_full(sql, "id", "id,m", &given, "order by").await;
}

#[tokio::test]
async fn a_group_of_everything_is_there_without_a_row() {
    let given = [Given("a", "id", "1", "1"), Given("r", "k", "", "1")];
    let sql = "select a.id from a where exists (select 1 from r where r.k = a.id group by ())";
    finds(sql, "id", "id", &given, &[]).await;
}

#[tokio::test]
async fn not_in_with_two_pairs_of_parentheses_is_not_analysed() {
    let given = [
        Given("a", "id,x", "1 1", "1 1"),
        Given("r", "k,y", "", "1 2"),
    ];
    let sql = "select a.id from a where a.x not in ((select r.y from r where r.k = a.id))";
    is_full(sql, "id", "id", &given, "two pairs of parentheses").await;
}

#[tokio::test]
async fn words_that_the_parser_reads_in_another_way_are_not_analysed() {
    let given = [Given("t", "id", "1", "2")];
    is_full(
        "select id, id * 1_000 as m from t",
        "id",
        "id,m",
        &given,
        "",
    )
    .await;
    let hidden = "with c (id, m) as (select id, id * 1_000 from t) select id, m from c";
    is_full(hidden, "id", "id,m", &given, "the number").await;
    is_full("select id, 0xFF as m from t", "id", "id,m", &given, "").await;
    let nested = "select id from t /* a /* b */ where id > 1 --*/";
    is_full(nested, "id", "id", &given, "comment").await;
    is_full(
        "select id from t /*! where id > 5 */",
        "id",
        "id",
        &given,
        "comment",
    )
    .await;
}

#[tokio::test]
async fn a_scope_that_is_rounded_when_it_is_stored_is_found_again() {
    let given = [Given("t", "s text", "'1.26'", "'1.26'; '1.31'")];
    let sql = "select cast(s as decimal(5,2)) as k, count(*) n from t group by 1";
    let found =
        crate::given::of_type(sql, "k", &[("k", "decimal(5,1)"), ("n", "bigint")], &given).await;
    assert!(found.is_right(), "{}", found.story);
}
