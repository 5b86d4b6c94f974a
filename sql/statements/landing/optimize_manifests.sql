-- Rewrites the many manifests that commits left as few. The data files stay as they are.
alter table {{ landing }} execute optimize_manifests
