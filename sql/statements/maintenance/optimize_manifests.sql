-- Rewrites a table's many manifests as few. The data files stay as they are.
alter table {{ table }} execute optimize_manifests
