//! Lists, maps, texts and JSON in templates: what Python's Jinja has.

use crate::{faults, read, rendered, sql};

#[test]
fn python_methods_of_strings_and_lists_work() {
    assert_eq!(
        rendered("select '{{ 'a,b'.split(',') | join('-') }}' as x, '{{ 'abc'.upper() }}' as y"),
        "select 'a-b' as x, 'ABC' as y"
    );
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

/// Lists that hold the one before twice, 60 times.
const DOUBLED: &str = "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}";

#[test]
fn lists_that_share_parts_are_as_large_as_they_print() {
    for use_of_it in [
        "select {{ ns.x }}",
        "select {{ ns.x == ns.y }}",
        "{{ config(meta={'x': ns.x}) }}select 1",
        "select {{ ns.x | tojson }} {{ ns.x | join }} {{ [ns.x, ns.y] | unique }}",
    ] {
        for lists in [DOUBLED, &DOUBLED.replace('[', "(").replace(']', ")")] {
            let text = format!("select 1,\n{lists}{use_of_it}");
            assert_eq!(
                faults(&[("models/m.sql", &text)]),
                "models/m.sql:2: a list or map has more than 100000 values with all that is in it; does a loop put a list into itself?"
            );
        }
    }
    // Each part is small until the last ones are put into the first ones.
    let linked = "{% set ns = namespace(first=[], last=[], all=[]) %}{% for i in range(6) %}{% set leaf = [] %}{% set ns.last = leaf %}{% for j in range(10) %}{% set ns.last = [ns.last, ns.last] %}{% endfor %}{% do ns.all.append([leaf, ns.last]) %}{% endfor %}{% for i in range(5) %}{% do ns.all[i][0].append(ns.all[i + 1][1]) %}{% endfor %}";
    for use_of_it in [
        "{{ ns.all[0][1] }}",
        "{{ config(meta={'x': ns.all[0][1]}) }}",
    ] {
        let fault = faults(&[("models/m.sql", &format!("{linked}select 1 {use_of_it}"))]);
        assert!(fault.contains("more than 100000 values"), "{fault}");
    }
}

#[test]
fn lists_in_each_other_have_a_limit() {
    let text = |depth: usize| {
        format!(
            "{{% set ns = namespace(x=1) %}}{{% for i in range({depth}) %}}{{% set ns.x = {{'a': ns.x}} %}}{{% endfor %}}{{{{ config(meta=ns.x) }}}}select 1"
        )
    };
    assert_eq!(rendered(&text(50)), "select 1");
    assert_eq!(
        faults(&[("models/m.sql", &text(10_000))]),
        "models/m.sql:1: more than 100 lists or maps are in each other; does a loop put a list into itself?"
    );
}

#[test]
fn a_namespace_in_itself_is_refused() {
    for text in [
        "{% set ns = namespace() %}{%- set ns.x = ns -%}select {{ ns }}",
        "{% set ns = namespace() %}{% set ns.x = ({'a': [ns]}, 1) | list %}select {{ ns }}",
    ] {
        assert_eq!(
            faults(&[("models/m.sql", text)]),
            "models/m.sql:1: a namespace cannot be put into a namespace; put a map into it"
        );
    }
    assert_eq!(
        rendered(
            "{% set ns = namespace(a=[], b=namespace(c=1)) %}{% set ns.a = ns.a + ['x'] %}{% set ns.b.c = 1, 2 %}{%- set ns.d = 'y' if ns.a else 'z' -%}select {{ ns.a | join }} {{ ns.b.c[1] }} {{ ns.d }}"
        ),
        "select x 2 y"
    );
}

#[test]
fn a_long_list_may_grow_in_a_loop() {
    let text = "{% set ns = namespace(names=[]) %}{% for i in range(1500) %}{% set ns.names = ns.names + ['c' ~ i] %}{% endfor %}select {{ ns.names | length }}";
    assert_eq!(rendered(text), "select 1500");
}
