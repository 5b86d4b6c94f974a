-- Counts the rows that a model is about to have, and how many of them fail each of its tests.
{% from 'models/failing.sql' import failing %}
select
  (select count(*) from {{ new_rows | expression }} as tested) as tested_rows,
  array[
    {% for test in tests %}
    (
      select {% if test.check == 'equal_rowcount' %}coalesce(sum(abs(rows - compared_rows)), 0){% else %}count(*){% endif %} from (
{{ failing(test, new_rows, all_rows) }}
      )
    )
    {%- if not loop.last %},{% endif %}

    {% endfor %}
  ] as failures
