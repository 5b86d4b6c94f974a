-- Makes the shop's schema.
create schema {{ schema }}
