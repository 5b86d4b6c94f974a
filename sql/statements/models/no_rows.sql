{# No row of a table's columns: the table was empty. #}
{% from 'marts/names.sql' import bare %}
select {{ bare(columns) }} from {{ at | expression }} as none_of where false
