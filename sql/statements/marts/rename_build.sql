-- Gives what was built the name of its table. That table must have been dropped: it was empty.
alter table {{ build }} rename to {{ table }}
