-- Rewrites the manifests that the table's commits left as a few; its files stay as they are.
alter table {{ table }} execute optimize_manifests
