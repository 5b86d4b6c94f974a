{# The events that a typed log got in some batches. #}
{% from 'marts/names.sql' import bare %}
select {{ bare(columns) }} from {{ at | expression }} as log
where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }}
