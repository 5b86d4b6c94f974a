//! Macros of dbt and of `dbt_utils`, with the SQL that dbt has for Trino.

use crate::columns::rendered as rendered_with_columns;
use crate::{faults, rendered, sql};

#[test]
fn a_date_spine_has_a_date_for_each_boundary_until_its_end() {
    assert_eq!(
        rendered(
            r#"select * from ({{ dbt_utils.date_spine('month', "date '2024-01-15'", "date '2024-03-01'") }})"#
        ),
        "select * from (select date_add('month', high.step * 10000 + low.step, date '2024-01-15') as date_month
from unnest(sequence(0, greatest(date_diff('month', date_trunc('month', cast(date '2024-01-15' as timestamp(6))), date_trunc('month', cast(date '2024-03-01' as timestamp(6)))), 0) / 10000)) as high (step)
cross join unnest(sequence(0, 9999)) as low (step)
where high.step * 10000 + low.step < date_diff('month', date_trunc('month', cast(date '2024-01-15' as timestamp(6))), date_trunc('month', cast(date '2024-03-01' as timestamp(6))))
  and date_add('month', high.step * 10000 + low.step, date '2024-01-15') <= date '2024-03-01')"
    );
    assert!(
        rendered(r#"{{ dbt.date_spine('day', "'2024-01-15'", 'current_date') }}"#)
            .ends_with("cast('2024-01-15' as date)) <= cast(current_date as date)")
    );
}

#[test]
fn a_series_of_numbers_counts_to_its_bound() {
    let text = "select cast(high.step * 10000 + low.step + 1 as double) as generated_number
from unnest(sequence(0, greatest(25, 0) / 10000)) as high (step)
cross join unnest(sequence(0, 9999)) as low (step)
where high.step * 10000 + low.step < 25";
    assert_eq!(rendered("{{ dbt.generate_series(25) }}"), text);
    assert_eq!(rendered("{{ dbt_utils.generate_series(25) }}"), text);
    let days = "dbt.get_intervals_between('a', 'b', 'day')";
    assert!(
        rendered(&format!("{{{{ dbt.generate_series({days}) }}}}"))
            .contains("low.step < date_diff('day', ")
    );
    assert!(
        faults(&[("models/m.sql", "{{ dbt.generate_series(0) }}")])
            .contains("upper bound must be positive")
    );
}

#[test]
fn names_that_pivot_makes_need_no_quotes() {
    for (text, slug) in [
        ("it\\'s", "its"),
        ("2nd", "_2nd"),
        ("a.b", "ab"),
        ("a - b", "a_b"),
        ("A_ b", "a__b"),
        ("", ""),
    ] {
        assert_eq!(
            rendered(&format!("select '{{{{ dbt_utils.slugify('{text}') }}}}'")),
            format!("select '{slug}'")
        );
    }
    assert_eq!(
        rendered(
            r#"select {{ dbt_utils.pivot('state', ["it's"], quote_identifiers=false, prefix='Is ') }} from t"#
        ),
        "select \nsum(case when state = 'it''s' then 1 else 0 end) as is_its from t"
    );
    assert!(
        rendered(r#"select {{ dbt_utils.pivot('state', ['5"']) }} from t"#)
            .ends_with(r#" as "5""" from t"#)
    );
}

#[test]
fn a_surrogate_key_treats_nulls_as_the_variable_says() {
    let key = |vars: &str| {
        sql(&[
            ("dbt_project.yml", vars),
            (
                "models/m.sql",
                "select {{ dbt_utils.generate_surrogate_key(['a']) }}",
            ),
        ])
    };
    assert!(
        key("vars: {surrogate_key_treat_nulls_as_empty_strings: true}")
            .contains("coalesce(cast(a as varchar), '')")
    );
    assert!(
        key("vars: {surrogate_key_treat_nulls_as_empty_strings: false}")
            .contains("coalesce(cast(a as varchar), '_dbt_utils_surrogate_key_null_')")
    );
}

#[test]
fn an_element_of_null_does_not_make_the_array_null() {
    assert_eq!(
        rendered(
            "select {{ dbt.array_append('a', 'b') }}, {{ dbt.array_construct() }}, {{ dbt.array_construct([1, 2]) }}"
        ),
        "select concat(a, array[b]), null, array[1, 2]"
    );
}

#[test]
fn parts_of_an_url_are_taken_as_dbt_takes_them() {
    assert_eq!(
        rendered("select {{ dbt_utils.get_url_host('u') }}"),
        "select try_cast(split_part(split_part(replace(replace(replace(u, 'android-app://', ''), 'http://', ''), 'https://', ''), '/', 1), '?', 1) as varchar)"
    );
    assert_eq!(
        rendered("select {{ dbt_utils.get_url_parameter('u', 'utm_source') }}"),
        "select nullif(split_part(split_part(u, 'utm_source=', 2), '&', 1), '')"
    );
    assert!(
        rendered("select {{ dbt_utils.get_url_path('u') }}")
            .contains("coalesce(nullif(strpos(replace(replace(u, ")
    );
}

#[test]
fn numbers_are_put_into_buckets_and_distances_measured() {
    assert_eq!(
        rendered("select {{ dbt_utils.width_bucket('a', 0, 100, 4) }}"),
        "select (case when mod(try_cast(a as decimal(28, 6)), try_cast(((100 - 0) / 4) as decimal(28, 6))) = 0 then 1 else 0 end) + least(ceil((a - 0) / ((100 - 0) / 4)), 4 + 1)"
    );
    let distance = "dbt_utils.haversine_distance(48.0, 11.5, 'lat', 'lon', unit=";
    assert!(rendered(&format!("select {{{{ {distance}'km') }}}}")).ends_with(" * 1.60934"));
    assert!(
        faults(&[("models/m.sql", &format!("select {{{{ {distance}'m') }}}}"))])
            .contains("write `mi` or `km`")
    );
}

#[test]
fn unpivot_makes_a_row_of_each_column() {
    assert_eq!(
        rendered_with_columns(
            "{{ dbt_utils.unpivot(ref('orders'), cast_to='bigint', exclude=['order_id'], field_name='what') }}"
        ),
        r#"select order_id, cast('amount' as varchar) as what, cast("amount" as bigint) as value
from "lake"."marts"."orders""#
    );
    assert_eq!(
        rendered_with_columns("{{ dbt_utils.unpivot(ref('first'), remove=['ID']) }}"),
        r#"select cast('amount' as varchar) as field_name, cast("amount" as varchar) as value
from "lake"."marts"."first""#
    );
}

#[test]
fn messages_of_dbt_utils_print_nothing() {
    assert_eq!(
        rendered(
            "{{ dbt_utils.log_info('x') }}{% do log(dbt_utils.pretty_time() ~ dbt_utils.pretty_log_format('y')) %}select 1"
        ),
        "select 1"
    );
}
