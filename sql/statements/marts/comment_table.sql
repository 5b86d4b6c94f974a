-- Sets the comment of a table: what it means.
comment on table {{ table }} is {{ description | literal }}
