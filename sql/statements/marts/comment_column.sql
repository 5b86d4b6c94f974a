-- Tells what a column means.
comment on column {{ name }} is {{ description | literal }}
