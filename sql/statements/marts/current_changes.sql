{% include 'marts/lasts.sql' %}
{% from 'marts/names.sql' import equal, differ %}
{# Only rows that act: a row as it should be is not written, a delete of nothing neither. #}
select lasts.*
from lasts
left join {{ current }} as present on {{ equal(key_columns, 'present', 'lasts') }}
where if(_exists,
  present._event_id is null{% if value_columns %} or {{ differ(value_columns, 'present', 'lasts') }}{% endif %},
  present._event_id is not null)
