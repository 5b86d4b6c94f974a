{# The rows of batches that this model has not taken in yet. Batches are compared and not event ids, because late events have low ids. #}
{% macro is_new() -%}
  _batch_id > (select coalesce(max(_batch_id), 0) from {{ this }})
{%- endmacro %}
