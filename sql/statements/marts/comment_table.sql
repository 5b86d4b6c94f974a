-- Tells what a table means.
comment on table {{ table }} is {{ description | literal }}
