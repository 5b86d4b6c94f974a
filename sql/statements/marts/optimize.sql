-- Rewrites a table's small files, and those with deleted rows, as a few; the rows stay as they are. Of a large table, only some files.
alter table {{ table }} execute optimize(file_size_threshold => '32MB')
{%- if paths %}

where "$path" in ({% for path in paths %}{{ path | literal }}{% if not loop.last %}, {% endif %}{% endfor %})
{%- endif %}

