-- Makes the view of how fresh a pipeline's tables and models were at the end of its last run. Its lag goes on by itself.
create or replace view {{ view }} as
select
  name, kind, covered_until, lag_seconds,
  case
    when has_failed or lag_seconds > error_after_seconds then 'error'
    when covered_until is null then 'unknown'
    when lag_seconds > warn_after_seconds then 'warn'
    else 'pass'
  end as status,
  warn_after_seconds, error_after_seconds, written_at
from (
  select *, date_diff('second', covered_until, current_timestamp) as lag_seconds
  from (
    values
    {% for row in rows %}
    (
      cast({{ row.name | literal }} as varchar),
      cast({{ row.kind | literal }} as varchar),
      {% if row.covered_until is none %}cast(null as timestamp(6) with time zone){% else %}cast({{ row.covered_until | literal }} as timestamp(6) with time zone){% endif %},
      cast({% if row.warn_after_seconds is none %}null{% else %}{{ row.warn_after_seconds }}{% endif %} as bigint),
      cast({% if row.error_after_seconds is none %}null{% else %}{{ row.error_after_seconds }}{% endif %} as bigint),
      {% if row.has_failed %}true{% else %}false{% endif %},
      cast({{ written_at | literal }} as timestamp(6) with time zone)
    ){% if not loop.last %},{% endif %}

    {% endfor %}
  ) as known (name, kind, covered_until, warn_after_seconds, error_after_seconds, has_failed, written_at)
)
