-- Creates a schema that the pipeline writes to.
create schema if not exists {{ schema }}
