{# The rows that the last refresh of a model removed from its table, or those that it added. #}
{% from 'marts/names.sql' import bare %}
select {{ bare(columns) }} from {{ changes }}
where _change_type in ({% if came %}'INSERT', 'UPDATE_AFTER'{% else %}'DELETE', 'UPDATE_BEFORE'{% endif %})
