{# The rows that a refresh is about to add or change. #}
{% from 'marts/names.sql' import bare %}
(select {{ bare(columns) }} from {{ changes }} where _change_type in ('INSERT', 'UPDATE_AFTER'))
