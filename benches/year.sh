# The hot statements of the service over a state database that a year of busy pipelines has filled: makes it, explains each statement, drops it.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

of_year=${prefix}_year_state
year_faults=

# Makes a state database of about $1 rows of 50 pipelines.
prepare_year() {
  local fillers=() filler
  forget_year
  sql postgres -c "create database $of_year"
  sed "s|^state.url = .*|state.url = \"${postgres_url%/*}/$of_year\"|" "$bench/icefront.toml" >"$bench/year.toml"
  "$icefront" migrate --config "$bench/year.toml" >>"$bench/icefront.log" 2>&1
  sql "$of_year" -v rows="$1" -v pipelines=50 -f "$benches/year.sql" >/dev/null
  fill_year fill_batches batches batch_events &
  fillers+=($!)
  fill_year fill_changes changes refreshes files &
  fillers+=($!)
  fill_year fill_runs runs steps statements run_events test_results publications &
  fillers+=($!)
  for filler in "${fillers[@]}"; do
    wait "$filler"
  done
  sql "$of_year" -f "$benches/year.rest.sql" -c 'vacuum (analyze)' >/dev/null
}

# Fills tables by procedure $1, then makes the indexes of those that the further arguments name.
fill_year() {
  local filled=$1
  shift
  sql "$of_year" -c "set session_replication_role = replica" -c "set synchronous_commit = off" -c "call bench.$filled()" \
    -c "call bench.make_indexes('{$(IFS=, && echo "$*")}')"
}

# Prints the statements of the service as rows of `bench.statements`.
list_year_statements() {
  local file
  echo 'create table bench.statements (name text primary key, text text not null);'
  for file in "$repo"/sql/statements/state/*.sql; do
    awk -v file="$(basename "$file" .sql)" '
      /^-- name: / { if (name) print "$icefront$);"; name = $3; printf "insert into bench.statements values (\047%s::%s\047, $icefront$\n", file, name; next }
      name { print }
      END { if (name) print "$icefront$);" }' "$file"
  done
}

forget_year() { sql postgres -c "drop database if exists $of_year with (force)"; }

# Explains each hot statement and prints what it took. Those that callers wait for, and that the service asks all the time, have 20 ms.
measure_year() {
  local number kind call ms beside bound
  say "a year of $(commas "$year_rows") rows" >&2
  prepare_year "$year_rows"
  list_year_statements | sql "$of_year" -f -
  sql "$of_year" -f "$benches/year.calls.sql" >/dev/null
  while IFS='|' read -r number kind call bound ms beside; do
    keep "year_$number" "… $kind: $call" ms "$bound" "$ms" "$beside"
  done < <(sql "$of_year" -c "select position, kind, call, case when is_bound then 20 end, round(ms, 2),
    format('%s rows of %s read, %s pages%s; %s%s', rows, rows_read, pages, ', processor ' || round(processor_ms, 1) || ' ms', worst, '; reads all of ' || scanned)
    from bench.calls order by position")
  sql "$of_year" -P format=aligned -P tuples_only=off -P border=2 -c "select kind, call, rows, round(ms, 2) as ms, round(processor_ms, 2) as processor_ms,
    rows_read, pages, worst, scanned from bench.calls order by position" | tee "$bench/year.txt" >&2
  year_faults=$(sql "$of_year" -c "select format('%s: %s (%s): %s ms%s', kind, call, statement, round(ms, 1), ', reads all of ' || scanned)
    from bench.calls where is_bound and (ms > 20 or scanned is not null) order by position")
  forget_year
}
