{# The name of a table. #}
{{ table }}
