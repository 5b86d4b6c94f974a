//! What templates can do, and what they cannot.

use crate::{faults, read, rendered, sql};

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
fn python_methods_of_strings_and_lists_work() {
    assert_eq!(
        rendered("select '{{ 'a,b'.split(',') | join('-') }}' as x, '{{ 'abc'.upper() }}' as y"),
        "select 'a-b' as x, 'ABC' as y"
    );
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
        "models/m.sql:2: templates may not read the environment variable `SECRET`; add it to `pipelines.env` of the settings"
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
fn a_thousand_models_can_read_each_other_in_a_row() {
    let files: Vec<(String, String)> = (0..1_000)
        .map(|n| {
            let from = if n == 0 {
                "orders".to_owned()
            } else {
                format!("m{}", n - 1)
            };
            (
                format!("models/m{n}.sql"),
                format!("select * from {{{{ ref('{from}') }}}}"),
            )
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(place, text)| (place.as_str(), text.as_str()))
        .collect();
    let project = read(&files).expect("right");
    let names = project.models.iter().map(|model| model.name.clone());
    assert!(names.eq((0..1_000).map(|n| format!("m{n}"))));
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
fn maps_keep_their_order() {
    assert_eq!(
        rendered(
            "select {% for k, v in {'b': 1, 'a': 2}.items() %}{{ v }} as {{ k }}{{ ', ' if not loop.last }}{% endfor %}"
        ),
        "select 1 as b, 2 as a"
    );
}

#[test]
fn a_file_that_leads_out_of_the_project_is_not_read() {
    let outside = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(outside.path(), "select 1 as secret").expect("a file");
    let folder = tempfile::TempDir::new().expect("a folder");
    std::fs::create_dir(folder.path().join("models")).expect("a folder");
    std::os::unix::fs::symlink(outside.path(), folder.path().join("models/m.sql")).expect("a link");
    std::os::unix::fs::symlink(".", folder.path().join("models/again")).expect("a link");
    std::os::unix::fs::symlink(".", folder.path().join("models/and_again")).expect("a link");
    let project =
        icefront_project::Project::read(folder.path(), "shop", &crate::known()).expect("right");
    assert!(project.models.is_empty());
}

#[test]
fn hidden_semicolons_are_found() {
    assert!(
        faults(&[("models/m.sql", "select 1 /*/' */ ; drop table x --'")])
            .contains("remove what is behind `;`")
    );
}

#[test]
fn lists_change_by_append_and_extend() {
    assert_eq!(
        rendered(
            "{% set names = [] %}{% for n in range(3) %}{% do names.append('c' ~ n) %}{% endfor %}{% do names.extend(['x']) %}select {{ names | join(', ') }}"
        ),
        "select c0, c1, c2, x"
    );
    assert_eq!(
        rendered(
            "{% set a = ['x'] %}{% set _ = a.append('y') %}{{ a.append('z') or '' }}select {{ a[-1] }}, {{ a | length }}{{ ', 1' if 'y' in a }}, {{ (a + ['q']) | last }}, {{ a[1:] | join('+') }}"
        ),
        "select z, 3, 1, q, y+z"
    );
    assert_eq!(
        rendered(
            "{% set a = ('x,y'.split(',')) | list %}{% do a.append([1, ['in']]) %}select {{ a | length }}, {{ a[2][1][0] }}"
        ),
        "select 3, in"
    );
    let files = [
        (
            "macros/a.sql",
            "{% macro add(to, name='d') %}{% do to.append(name) %}{% endmacro %}{% macro make() %}{% set l = [] %}{% do l.append('m') %}{{ return(l) }}{% endmacro %}",
        ),
        (
            "models/m.sql",
            "{% set names = make() %}{{ add(names) }}{{ add(names, 'e') }}select {{ names | join(', ') }}",
        ),
    ];
    assert_eq!(sql(&files), "select m, d, e");
}

#[test]
fn a_list_keeps_its_place_in_configuration_and_loops() {
    let files = [(
        "models/m.sql",
        "{{ config(materialized='incremental', unique_key=['a', 'b'], meta={'x': [1, {'y': []}]}) }}select {% for a, b in [['x', 1], ['y', 2]] %}{{ b }} as {{ a }}{{ ', ' if not loop.last }}{% endfor %}{# [ #}, '[' as \"[\" {% raw %}[{{ ['']}} {% endraw %}",
    )];
    let project = read(&files).unwrap_or_else(|faults| panic!("{faults:?}"));
    let model = &project.models[0];
    assert_eq!(model.config.unique_key, ["a", "b"]);
    assert_eq!(model.config.meta["x"].to_string(), r#"[1,{"y":[]}]"#);
    assert_eq!(model.sql, r#"select 1 as x, 2 as y, '[' as "[" [{{ ['']}}"#);
}

#[test]
fn a_list_that_would_contain_itself_is_refused() {
    for text in [
        "{% set a = [] %}{% do a.append(a) %}select {{ a }}",
        "{% set a = [] %}{% set b = [{'x': (a, 1)}] %}{% do a.append(b) %}select {{ a }}",
    ] {
        assert_eq!(
            faults(&[("models/m.sql", text)]),
            "models/m.sql:1: a list cannot contain itself"
        );
    }
    assert_eq!(
        faults(&[(
            "models/m.sql",
            "{% set a = [1] + [2] %}\n{% do a.append(3) %}select 1"
        )]),
        "models/m.sql:2: `append` changes lists that are written with `[…]`; make this one such by the filter `list`"
    );
}

#[test]
fn texts_are_formatted_as_in_python() {
    assert_eq!(
        rendered(
            "select {{ '%s' % 'a' }}, {{ \"%02d_%s\" % (7, 'b' | upper) }}, {{ '%s' % x.upper() ~ '!' if x is defined else '%d%%' % 5 }}, {{ '%.2f' | format(1.005 * 2) }}, {{ 7 % 4 }}"
        ),
        "select a, 07_B, 5%, 2.01, 3"
    );
    assert_eq!(
        rendered(
            "{% set x = ['a'] %}select {{ '%s' % x[0] ~ '%s-' % -1 }}, {{ ['%s' % x[0].upper(), 'b'] | join('.') }}, {{ '%(k)s' % {'k': 'v'} }}"
        ),
        "select a-1-, A.b, v"
    );
    let wide = faults(&[("models/m.sql", "select '{{ '%999999999d' % 1 }}'")]);
    assert!(wide.contains("too many steps"), "{wide}");
}

#[test]
fn json_is_printed_as_by_python() {
    assert_eq!(
        rendered("select '{{ tojson({'b': [1, 'é\"'], 'a': {}}) }}'"),
        r#"select '{"b": [1, "\u00e9\""], "a": {}}'"#
    );
    assert_eq!(
        rendered("select '{{ tojson({'b': 1, 'a': '😀'}, sort_keys=true) }}'"),
        r#"select '{"a": "\ud83d\ude00", "b": 1}'"#
    );
    assert_eq!(
        rendered("select '{{ {'b': none, 'a': true, 'c': \"<it's>\"} | tojson }}'"),
        r#"select '{"a": true, "b": null, "c": "\u003cit\u0027s\u003e"}'"#
    );
    assert_eq!(
        rendered("select '{{ [1.0, 1e20, 0.00001, 12345.5] | tojson }}'"),
        "select '[1.0, 1e+20, 1e-05, 12345.5]'"
    );
    assert_eq!(
        rendered("select '{{ [1, {'a': []}] | tojson(indent=2) }}'"),
        "select '[\n  1,\n  {\n    \"a\": []\n  }\n]'"
    );
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

#[test]
fn maps_change_by_update() {
    assert_eq!(
        rendered(
            "{% set m = {'b': 1} %}{% do m.update({'a': 2, 'b': 3}) %}{% do m.update(c=4) %}select {% for k, v in m.items() %}{{ k }}{{ v }} {% endfor %}{{ m.pop('a') }}{{ m.setdefault('d', 5) }} {{ m | length }} {{ m.d }} {{ 'a' in m }}"
        ),
        "select b3 a2 c4 25 3 5 False"
    );
    assert_eq!(
        rendered(
            "{% set m = dict(a=1) %}{% do m.update(dict([['b', 2]])) %}select {{ m }} {{ m is mapping }} {{ m == {'a': 1, 'b': 2} }} {{ '%(a)s' % m }}"
        ),
        "select {'a': 1, 'b': 2} True True 1"
    );
    let fault = faults(&[(
        "models/m.sql",
        "{% set m = {} %}{% do m.update({'a': [m]}) %}select 1",
    )]);
    assert!(fault.contains("a map cannot contain itself"), "{fault}");
}

#[test]
fn texts_are_padded_and_parted_as_in_python() {
    assert_eq!(
        rendered(
            "select {{ '7'.rjust(3, '0') }} {{ 'a'.ljust(3, '.') }} {{ '-7'.zfill(4) }} {{ '7'.zfill(3) }} {{ 'Maß'.casefold() }} {{ 'a=b=c'.partition('=')[2] }} {{ 'a=b=c'.rpartition('=')[0] }} {{ 'stg_a'.removeprefix('stg_') }}"
        ),
        "select 007 a.. -007 007 mass b=c a=b a"
    );
    let wide = faults(&[("models/m.sql", "select '{{ 'a'.rjust(999999999) }}'")]);
    assert!(wide.contains("too many steps"), "{wide}");
}

#[test]
fn filters_of_jinja_are_there() {
    assert_eq!(
        rendered(
            "select '{{ 'one two three' | truncate(9, leeway=0) }}' '{{ 'one two three' | truncate(9, true, '', leeway=0) }}' {{ 'a b/c?é' | urlencode }} {{ {'a': 'x y', 'b': 1} | urlencode }} {{ \"it's 2 words_\" | wordcount }} '{{ 'a' | center(4) }}' '{{ 'ab'.center(5, '.') }}'"
        ),
        "select 'one...' 'one two t' a%20b/c%3F%C3%A9 a=x+y&b=1 4 ' a  ' '..ab.'"
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
