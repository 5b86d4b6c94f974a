{% macro net_amount(amount, discount) -%}
  cast(round({{ amount }} * (1 - coalesce({{ discount }}, 0)), 2) as decimal(18,2))
{%- endmacro %}

{# A payment as money that came: what was refunded went, and what failed never was. #}
{% macro signed_amount(amount, state) -%}
  case {{ state }} when 'refunded' then -{{ amount }} when 'failed' then 0 else {{ amount }} end
{%- endmacro %}
