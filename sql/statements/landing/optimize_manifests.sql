-- Writes the lists of files that the table's commits left, a list each, as few; its files stay as they are.
alter table {{ table }} execute optimize_manifests
