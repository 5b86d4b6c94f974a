-- Counts the changed rows that are skipped, because another row of the same key was changed later. It runs in the
-- snapshot of the reading.
select count(*) - count(distinct row(
  {% for column in key %}source.{{ column }}{% if not loop.last %}, {% endif %}{% endfor %}

)) as left_out
{% include 'source/changed.sql' %}
