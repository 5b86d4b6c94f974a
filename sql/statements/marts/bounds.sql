-- Finds the lowest and the highest value of the first key column in the batches: Trino skips files of other keys.
{% from 'marts/names.sql' import row_events %}
select cast(min({{ key_columns[0].name }}) as varchar) as low, cast(max({{ key_columns[0].name }}) as varchar) as high
from {{ staging }}
where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }} and _operation in {{ row_events }}
