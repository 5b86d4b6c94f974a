-- Lets each commit delete the oldest metadata file of a table once there are a hundred.
alter table {{ table }} set properties delete_after_commit_enabled = true
