{# A row's xmin has 32 bits: it is widened to the highest id that is not in the future. An error only reads again. #}
case
    when {{ epoch }} + xmin::text::bigint <= {{ highest }} then {{ epoch }} + xmin::text::bigint
    else {{ epoch }} + xmin::text::bigint - 4294967296
  end >= pg_snapshot_xmin({{ last_snapshot | literal }}::pg_snapshot)::text::bigint
