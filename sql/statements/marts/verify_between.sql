-- Counts what must never be, whatever the typed log says: impossible versions, and current rows that are not an open
-- version.
{% from 'marts/names.sql' import bare, equal, differ, chosen %}
{% set of_these_keys %}where true {{ chosen(key_columns, sample_of, slice) }}{% endset %}
select
  (
    -- Versions that are empty, overlap the next one, leave a gap though no delete ended them, or have wrong flags.
    select count(*)
    from (
      select
        valid_from, valid_to, is_current, is_deleted,
        lead(valid_from) over (partition by {{ bare(key_columns) }} order by valid_from) as _next_from
      from {{ history }}
      {{ of_these_keys }}
    )
    where valid_to <= valid_from
      or is_current <> (valid_to is null)
      or is_current and is_deleted
      or _next_from < coalesce(valid_to, timestamp '9999-12-31 23:59:59.999999 UTC')
      or _next_from is not null and valid_to is null
      or _next_from > valid_to and not is_deleted
      or _next_from = valid_to and is_deleted
      or _next_from is null and not is_current and not is_deleted
  ) as versions_impossible,
  (
    -- Current rows without an open version of the same values, and open versions without a current row.
    select count(*)
    from (select * from {{ current }} {{ of_these_keys }}) as present
    full join (select * from (select * from {{ history }} {{ of_these_keys }}) where is_current) as open
      on {{ equal(key_columns, 'present', 'open') }}
    where present._event_id is null or open._event_id is null
      {% if value_columns %}
      or {{ differ(value_columns, 'present', 'open') }}
      {% endif %}
  ) as rows_without_version
