# The service that is measured, its databases and its Iceberg tables: makes them, runs pipelines, drops them.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

api=http://127.0.0.1:$port/v1
landing=$warehouse/$prefix
state=${prefix}_state
service=

# Names the pipeline of measurement $1, and the database that its log is in.
name_pipeline() {
  pipeline=${prefix}_$1
  origin=${pipeline}_origin
}

# Makes pipeline $1 anew, with an empty log of an empty table, and starts the service over it.
start() {
  name_pipeline "$1"
  forget
  sql postgres -c "create database $origin"
  sql "$origin" -f "$benches/orders.sql"
  "$icefront" audit-trigger --table public.orders | sql "$origin" -f - >&2
  write_settings
  launch
}

write_settings() {
  rm -rf "$bench/pipelines"
  mkdir -p "$bench/pipelines/$pipeline" "$landing"
  sed "s/^pipeline: .*/pipeline: $pipeline/" "$benches/pipeline.yaml" >"$bench/pipelines/$pipeline/pipeline.yaml"
  cat >"$bench/icefront.toml" <<END
http = { bind = "127.0.0.1:$port", metrics_bind = "127.0.0.1:$((port + 1))" }
state.url = "${postgres_url%/*}/$state"
trino = { url = "$trino_url", catalog = "lake", schemas = { landing = "$pipeline", staging = "${pipeline}_staging", marts = "${pipeline}_marts" } }
landing = { write_to = "file://$landing", read_from = "local:///$prefix" }
pipelines.path = "$bench/pipelines"
connections.bench.url = "${postgres_url%/*}/$origin"
END
}

# Starts the service and sets `ready` to the seconds until it said that it is.
launch() {
  local from=$EPOCHREALTIME
  "$icefront" serve --config "$bench/icefront.toml" 2>>"$bench/icefront.log" &
  service=$!
  until curl -fs "http://127.0.0.1:$port/readyz" >/dev/null; do
    kill -0 "$service" 2>/dev/null || fail_with_log "$bench/icefront.log" "the service ended while it started"
    sleep 0.02
  done
  ready=$(since "$from")
}

stop() {
  kill "$service"
  wait "$service" || true
  service=
}

# Drops what the pipeline has in Postgres and Iceberg. What its runs did stays in the state.
forget() {
  local schema
  for schema in "$pipeline" "${pipeline}_staging" "${pipeline}_marts"; do
    trino "drop schema if exists lake.$schema cascade"
  done
  rm -rf "${landing:?}"
  sql postgres -c "drop database if exists $origin with (force)"
}

# Has Trino execute $1.
trino() {
  local answer next
  answer=$(curl -sS -H 'X-Trino-User: bench' -d "$1" "$trino_url/v1/statement")
  while next=$(grep -o '"nextUri":"[^"]*"' <<<"$answer"); do
    next=${next#*:\"}
    answer=$(curl -sS -H 'X-Trino-User: bench' "${next%\"}")
  done
  [[ $answer == *'"state":"FINISHED"'* ]] || fail "Trino refused: $1" "$(grep -o '"message":"[^"]*"' <<<"$answer" | head -n 1)"
}

# Fills the log with $1 events of $2 keys, the first of pipeline $pipeline.
load() {
  base=$1 keys=$2 written=0 delayed=0
  # The log ends a day ago, so that no batch on top of it is from the future.
  began=$(($(date +%s) - 86400 - base * 50 / 49 / 4))
  append "$base"
  sql "$origin" -c 'vacuum analyze public.audit_log_dml' -c 'checkpoint'
}

# Appends $1 events to the log, $2 of them late.
append() {
  local late=${2:-0}
  sql "$origin" -v first=$((written + 1)) -v events="$1" -v late="$late" -v delayed="$delayed" -v base="$base" -v keys="$keys" -v seed="$seed" \
    -v began="$began" -f "$benches/log.sql"
  written=$((written + $1 - late)) delayed=$((delayed + late))
}

# Runs the steps $1, or all, and sets `id` to the run's when it has succeeded.
run() {
  finish "\"steps\": [$1]"
}

# Makes all tables anew.
refresh() {
  finish '"steps": ["staging", "marts"], "full_refresh": true'
}

# Runs what the request's fields $1 say to its end.
finish() {
  local answer=
  id=$(accept "$1")
  until [[ $answer == *'"terminal":true'* ]]; do
    answer=$(curl -fsS "$api/runs/$id?wait=55s")
  done
  [[ $answer == *'"succeeded":true'* ]] || fail_with_log "$bench/icefront.log" "run $id did not succeed" "$answer"
}

# Asks for a run by the request's fields $1 and prints its id.
accept() {
  curl -fsS -X POST -H 'content-type: application/json' -d "{$1}" "$api/pipelines/$pipeline/runs" |
    sed 's/.*"run_id":"\([^"]*\)".*/\1/'
}

# Runs $1 batches of $2 events, $3 of them late, one after the other, extraction included, and sets `ids` to those of the runs.
run_batches() {
  local n
  ids=()
  for ((n = 1; n <= $1; n++)); do
    append "$2" "${3:-0}"
    run ''
    ids+=("$id")
    [ $((n % 50)) != 0 ] || say "$n of $1 batches" >&2
  done
}
