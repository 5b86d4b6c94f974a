-- Tells between which values of the first key column the batches lie, so that Trino leaves out files of others.
select cast(min({{ key_columns[0].name }}) as varchar), cast(max({{ key_columns[0].name }}) as varchar)
from {{ staging }}
where _batch_id > {{ after_batch }} and _batch_id <= {{ upto_batch }} and _operation <> 'T'
