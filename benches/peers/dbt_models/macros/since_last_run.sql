{# The rows of batches that this model has not taken in yet. #}
{% macro is_new() -%}
  _batch_id > (select coalesce(max(_batch_id), 0) from {{ this }})
{%- endmacro %}

{# The versions that ended since this model's last run. A version keeps the batch that began it, so only the time of its end tells. Here the
   events of a batch are later than all before. If they were not, this would need a lookback. #}
{% macro has_ended() -%}
  valid_to > (select coalesce(max(_occurred_at), timestamp '1970-01-01 00:00:00 UTC') from {{ this }})
{%- endmacro %}
