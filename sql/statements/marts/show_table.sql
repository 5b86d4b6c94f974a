-- Shows the statement that would make a table again, with the version of its format.
show create table {{ table }}
