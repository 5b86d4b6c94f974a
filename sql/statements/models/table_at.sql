{# A table at a snapshot, as it stands in FROM. Current rows that are a view come from the history. #}
{% from 'marts/names.sql' import open_version %}
{% if is_view -%}
(select {{ open_version(columns) }} from {{ stored }}{% if snapshot is not none %} for version as of {{ snapshot }}{% endif %} where is_current)
{%- elif upto_batch is not none -%}
(select * from {{ stored }}{% if snapshot is not none %} for version as of {{ snapshot }}{% endif %} where _batch_id <= {{ upto_batch }})
{%- else -%}
{{ stored }}{% if snapshot is not none %} for version as of {{ snapshot }}{% endif %}
{%- endif %}
