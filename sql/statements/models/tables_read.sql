-- Lists the tables that the query of a model reads; runs nothing.
explain (type io, format json)
{{ sql | expression }}
