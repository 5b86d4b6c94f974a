-- Sets the comment of a column: what it means.
comment on column {{ name }} is {{ description | literal }}
