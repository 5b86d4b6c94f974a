-- Counts the changed rows that are left out because another of their key was changed later, in the snapshot that they are read in.
select count(*) - count(distinct row({% for column in key %}source.{{ column }}{% if not loop.last %}, {% endif %}{% endfor %}))
{% include 'source/changed.sql' %}
