-- Counts what a refresh is about to change, the keys with several rows, and for each column of the key whether it is null.
select
  count_if(_change_type = 'INSERT') as inserted,
  count_if(_change_type = 'UPDATE_AFTER') as updated,
  count_if(_change_type = 'DELETE') as deleted,
  count_if(_key_rows > 1) as repeated,
  array[
    {% for column in key_columns %}
    count_if({{ column.name }} is null) > 0{% if not loop.last %},{% endif %}

    {% endfor %}
  ] as null_keys
from {{ changes }}
