-- Notes what a batch holds of a source table.
insert into icefront.batch_events
  (pipeline, batch_id, source_schema, source_table, events, truncates, first_event, last_event, first_time, last_time, repeats)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
