-- Tables whose events have ids of the source's own, not of the landing's; not known of tables of before this was kept.

alter table icefront.tables add column has_own_ids boolean;
