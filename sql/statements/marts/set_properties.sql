-- Gives a table its properties. Files that are written from now on follow them.
{% from 'marts/properties.sql' import listed %}
alter table {{ table }} set properties {{ listed(properties) | trim }}
