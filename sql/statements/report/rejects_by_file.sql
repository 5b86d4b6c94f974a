-- Counts the rejects of files, by path and batch; files without any are left out.
select source_file, _batch_id, count(*) as rejects
from {{ rejects }}
where _batch_id between {{ first_batch }} and {{ last_batch }}
  and source_file in ({% for path in paths %}{{ path | literal }}{% if not loop.last %}, {% endif %}{% endfor %})
group by 1, 2
