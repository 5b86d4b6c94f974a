//! Macros of the project: how they call each other, and what they give.

use crate::{faults, rendered, sql};

#[test]
fn macros_call_each_other_in_any_order() {
    let files = [
        (
            "macros/a.sql",
            "{% macro dollars(column, digits=2) %}round({{ cents(column) }}, {{ digits }}){% endmacro %}",
        ),
        (
            "macros/b.sql",
            "{% macro cents(column) %}{{ column }} / 100.0{% endmacro %}",
        ),
        (
            "models/m.sql",
            "select {{ dollars('amount', digits=0) }} as amount from {{ ref('orders') }}",
        ),
    ];
    assert_eq!(
        sql(&files),
        r#"select round(amount / 100.0, 0) as amount from "lake"."marts"."orders""#
    );
}

#[test]
fn a_macro_returns_a_list() {
    let files = [
        (
            "macros/a.sql",
            "{% macro methods() %}{{ return(['card', 'cash']) }}{% endmacro %}",
        ),
        (
            "models/m.sql",
            "select {% for method in methods() %}'{{ method }}' as {{ method }}{{ ', ' if not loop.last }}{% endfor %}",
        ),
    ];
    assert_eq!(sql(&files), "select 'card' as card, 'cash' as cash");
}

#[test]
fn a_macro_with_a_caller_renders_what_it_is_given() {
    let files = [
        (
            "macros/a.sql",
            "{% macro twice() %}{{ caller() }} + {{ caller() }}{% endmacro %}",
        ),
        (
            "models/m.sql",
            "select {% call twice() %}1{% endcall %} as two",
        ),
    ];
    assert_eq!(sql(&files), "select 1 + 1 as two");
}

#[test]
fn dispatch_prefers_trino() {
    let files = [
        (
            "macros/a.sql",
            "{% macro day(c) %}{{ adapter.dispatch('day', 'shop')(c) }}{% endmacro %}\n{% macro default__day(c) %}x{% endmacro %}\n{% macro trino__day(c) %}date({{ c }}){% endmacro %}",
        ),
        ("models/m.sql", "select {{ day('at') }} as day from t"),
    ];
    assert_eq!(sql(&files), "select date(at) as day from t");
}

#[test]
fn macros_of_dbt_and_dbt_utils_are_there() {
    assert_eq!(
        rendered(
            "select {{ dbt.date_trunc('month', 'at') }}, {{ dbt.dateadd('day', 1, 'at') }} from t"
        ),
        "select date_trunc('month', at), date_add('day', 1, at) from t"
    );
    assert_eq!(
        rendered("select {{ dbt_utils.generate_surrogate_key(['a', 'b']) }} as id from t"),
        "select lower(to_hex(md5(to_utf8(coalesce(cast(a as varchar), '_dbt_utils_surrogate_key_null_') || '-' || coalesce(cast(b as varchar), '_dbt_utils_surrogate_key_null_'))))) as id from t"
    );
    assert_eq!(
        rendered("select {{ dbt_utils.pivot('state', ['new', 'paid']) }} from t")
            .replace('\n', " "),
        r#"select  sum(case when state = 'new' then 1 else 0 end) as "new", sum(case when state = 'paid' then 1 else 0 end) as "paid" from t"#
    );
}

#[test]
fn a_macro_without_end_is_stopped() {
    let own = [
        (
            "macros/a.sql",
            "{% macro again() %}{{ again() }}{% endmacro %}",
        ),
        ("models/m.sql", "select {{ again() }}"),
    ];
    assert!(faults(&own).contains("called too often, or by itself without end"));
    let two = [
        (
            "macros/a.sql",
            "{% macro a() %}{{ b() }}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{{ a() }}{% endmacro %}",
        ),
        ("models/m.sql", "select {{ a() }}"),
    ];
    assert!(faults(&two).contains("without end"));
    let long =
        "{% for a in range(10000) %}{% for b in range(10000) %}{{ a }}{% endfor %}{% endfor %}";
    assert!(faults(&[("models/m.sql", long)]).contains("too many steps"));
}

#[test]
fn a_fault_in_a_macro_names_the_macros_file() {
    let files = [
        (
            "macros/a.sql",
            "\n{% macro m() %}{{ missing }}{% endmacro %}",
        ),
        ("models/m.sql", "select {{ m() }}"),
    ];
    assert!(
        faults(&files).starts_with("macros/a.sql:2: "),
        "{}",
        faults(&files)
    );
}

#[test]
fn a_macro_that_returns_is_used_by_another_of_its_file() {
    let files = [
        (
            "macros/a.sql",
            "{% macro list() %}{{ return(['a', 'b']) }}{% endmacro %}{% macro columns() %}{% for c in list() %}{{ c }}{{ ', ' if not loop.last }}{% endfor %}{% endmacro %}",
        ),
        ("models/m.sql", "select {{ columns() }} from t"),
    ];
    assert_eq!(sql(&files), "select a, b from t");
}

#[test]
fn a_macro_gets_the_arguments_that_it_does_not_name() {
    let files = [
        (
            "macros/a.sql",
            "{% macro all_of(first, second='(') %}{{ first }}{{ second }}{{ varargs | join('-') }}{% for name, value in kwargs.items() %} {{ name }}={{ value }}{% endfor %}{% endmacro %}
{% macro none_named() %}{{ varargs | length }}{{ kwargs.get('a', 'x') }}{% endmacro %}
{% macro passes() %}{{ return(all_of(*varargs, **kwargs)) }}{% endmacro %}
{% macro wrapped() %}{{ kwargs.a }}{{ caller() }}{% endmacro %}",
        ),
        (
            "models/m.sql",
            "select {{ all_of(1) }}, {{ all_of(1, 2, 3, 4, x=5) }}, {{ none_named() }}, {{ none_named(7, a='b') }}, {{ passes(1, 2, 3, y=6) }}, {% call wrapped(a=1) %}c{% endcall %}",
        ),
    ];
    assert_eq!(sql(&files), "select 1(, 123-4 x=5, 0x, 1b, 123 y=6, 1c");
}
