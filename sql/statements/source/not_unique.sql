-- Counts the changed rows that are left out, because another row of the same key was changed later. In the snapshot that they are read in.
select count(*) - count(distinct row({% for column in key %}source.{{ column }}{% if not loop.last %}, {% endif %}{% endfor %})) as left_out
{% include 'source/changed.sql' %}
