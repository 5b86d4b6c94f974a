# The lists of the API over a state database that a year has filled: makes it, times its pages, counts their queries.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

of_lists=${prefix}_lists_state

# Makes a state database of $1 runs and the definitions of $2 pipelines with $3 tables and 10 models each. $4, if given, has Postgres log each query.
prepare_lists() {
  local p t m
  rm -rf "$bench/pipelines"
  for ((p = 1; p <= $2; p++)); do
    mkdir -p "$bench/pipelines/lists_$p/models"
    {
      echo "pipeline: lists_$p"
      echo 'source: {kind: postgres_audit_log, connection: bench, table: public.audit_log_dml}'
      echo "schemas: {landing: lists_$p, staging: lists_${p}_staging, marts: lists_${p}_marts}"
      echo 'tables:'
      for ((t = 1; t <= $3; t++)); do
        echo "  table_$t: {from: public.table_$t, key: [id], freshness: {warn_after: 10m, error_after: 1h}}"
      done
    } >"$bench/pipelines/lists_$p/pipeline.yaml"
    for ((m = 1; m <= 10; m++)); do
      echo "select id, column_2 from {{ ref('table_$m') }}" >"$bench/pipelines/lists_$p/models/model_$m.sql"
    done
  done
  sed -e "s|^state.url = .*|state.url = \"${postgres_url%/*}/$of_lists\"|" -e '/^connections/d' "$bench/icefront.toml" >"$bench/lists.toml"
  echo "connections.bench.url = \"$postgres_url\"" >>"$bench/lists.toml"
  mv "$bench/lists.toml" "$bench/icefront.toml"
  sql postgres -c "drop database if exists $of_lists with (force)" -c "create database $of_lists"
  "$icefront" migrate --config "$bench/icefront.toml" >>"$bench/icefront.log" 2>&1
  sql "$of_lists" -v runs="$1" -v pipelines="$2" -v tables="$3" -v models=10 -f "$benches/lists.sql" >/dev/null
}

forget_lists() {
  sql postgres -c "drop database if exists $of_lists with (force)"
  rm -rf "$bench/pipelines"
}

# Prints list $1 with the cursor that $2 pages of 1,000, or all but the last, lead to.
deep() {
  local path=$1 pages=$2 next='' last='' sign='?'
  [[ $path != *\?* ]] || sign='&'
  for ((; pages > 0; pages--)); do
    next=$(curl -fsS "$api/$path${sign}limit=1000${last:+&after=$last}" | sed -n 's/.*"next":"\([^"]*\)"}$/\1/p')
    [ -n "$next" ] || break
    last=$next
  done
  echo "$path${last:+${sign}after=$last}"
}

# Prints how many statements the service sends for a call of each list that it reads, a line for each: list, number. The queries of the service's
# own work, a few a second, do not count.
count_queries() {
  local path from
  while read -r path; do
    from=$(wc -c <"$postgres_log")
    calls "$api/$path" 20 >/dev/null
    echo "$path $(tail -c "+$((from + 1))" "$postgres_log" | awk -v of="@$of_lists LOG:" '$0 ~ of && / execute / { n++ } END { print int(n / 20) }')"
  done
}

# Keeps the times of 500 calls of list $2, which is called $1; $3 is the limit of p99 in ms, or nothing.
keep_list() {
  local p99
  calls "$api/$2" 500 >"$bench/times"
  p99=$(quantile 0.99 <"$bench/times")
  keep "list_$1" "… p99 of \`GET /v1/${2%%[?&]after=*}\`$([[ $2 != *after=* ]] || echo ', a deep page')" ms "$3" "$p99" \
    "median $(quantile 0.5 <"$bench/times") ms${queries[$2]:+; queries: ${queries[$2]}}"
}
