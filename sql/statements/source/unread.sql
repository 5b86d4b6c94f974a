{# Which rows of an audit table the last snapshot did not have. #}
{% if rule == 'transaction' %}
where {{ transaction }} >= pg_snapshot_xmin({{ snapshot | literal }}::pg_snapshot)
  {% if lists_open %}
  and not pg_visible_in_snapshot({{ transaction }}, {{ snapshot | literal }}::pg_snapshot)
  {% endif %}
{% elif rule == 'xmin' %}
{# A row's xmin has 32 bits: it is widened to the highest id that is not in the future. An error only reads again. #}
where case
    when {{ epoch }} + xmin::text::bigint <= {{ highest }} then {{ epoch }} + xmin::text::bigint
    else {{ epoch }} + xmin::text::bigint - 4294967296
  end >= pg_snapshot_xmin({{ snapshot | literal }}::pg_snapshot)::text::bigint
{% endif %}
