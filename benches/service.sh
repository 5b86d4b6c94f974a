# The service that is measured, its databases and its Iceberg tables: makes them, runs pipelines, drops them.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

api=http://127.0.0.1:$port/v1
landing=$warehouse/$prefix
state=${prefix}_state
service=

# Makes the state database: one for all measurements, so that the results are queries over what the service noted.
prepare() {
  mkdir -p "$bench" "$results"
  : >"$bench/icefront.log"
  sql postgres -c "drop database if exists $state with (force)" -c "create database $state"
  name_measurement warm_up log
  write_settings
  "$icefront" migrate --config "$bench/icefront.toml" >>"$bench/icefront.log" 2>&1
  sql "$state" -f "$benches/results.sql"
}

# Makes a pipeline anew for each definition among the further arguments, starts the service over them, and picks the first. All of
# measurement $1 read one database, which has an empty log of an empty table, and one folder.
start() {
  name_measurement "$@"
  forget
  mkdir -p "$drops"
  sql postgres -c "create database $origin"
  sql "$origin" -f "$benches/orders.sql"
  "$icefront" audit-trigger --table public.orders | sql "$origin" -f - >&2
  write_settings
  launch
  pick 1
}

name_measurement() {
  measurement=$1
  shift
  definitions=("$@")
  origin=${prefix}_${measurement}_origin
  drops=$bench/drops/$measurement
}

# Turns to the pipeline of the measurement's definition number $1.
pick() { pipeline=${prefix}_${measurement}_$1; }

write_settings() {
  local n
  rm -rf "$bench/pipelines"
  mkdir -p "$landing"
  for n in "${!definitions[@]}"; do
    pick $((n + 1))
    define "${definitions[n]}"
  done
  cat >"$bench/icefront.toml" <<END
http = { bind = "127.0.0.1:$port", metrics_bind = "127.0.0.1:$((port + 1))" }
state.url = "${postgres_url%/*}/$state"
trino = { url = "$trino_url", catalog = "lake" }
landing = { write_to = "file://$landing", read_from = "local:///$prefix" }
files.roots = ["file://$bench/drops/"]
pipelines.path = "$bench/pipelines"
connections.bench.url = "${postgres_url%/*}/$origin"
END
}

# Writes the pipeline as file $1 defines it, with schemas and a folder of its own.
define() {
  mkdir -p "$bench/pipelines/$pipeline"
  sed -e "s/^pipeline: .*/pipeline: $pipeline/" -e "s|file:///drops/|file://$drops/|" "$benches/pipelines/$1.yaml" >"$bench/pipelines/$pipeline/pipeline.yaml"
  echo "schemas: { landing: $pipeline, staging: ${pipeline}_staging, marts: ${pipeline}_marts }" >>"$bench/pipelines/$pipeline/pipeline.yaml"
  if [ -d "$benches/pipelines/$1" ]; then
    cp -R "$benches/pipelines/$1" "$bench/pipelines/$pipeline/models"
    sed -i "s/bench_marts/${pipeline}_marts/" "$bench/pipelines/$pipeline/models/sources.yml"
  fi
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

# Drops what the measurement has in Postgres, Iceberg and folders. What its runs did stays in the state.
forget() {
  local n schema
  for n in "${!definitions[@]}"; do
    pick $((n + 1))
    for schema in "$pipeline" "${pipeline}_staging" "${pipeline}_marts"; do
      trino "drop schema if exists lake.$schema cascade"
    done
  done
  rm -rf "${landing:?}" "${drops:?}"
  sql postgres -c "drop database if exists $origin with (force)"
}

# Makes the table of the source that the models declare: 100,000 customers.
make_customers() {
  trino "create table lake.${pipeline}_marts.customers as
    select 1 + a * 1000 + b as customer_id, 'customer ' || cast(1 + a * 1000 + b as varchar) as name,
      element_at(array['north', 'south', 'east', 'west'], cast(b % 4 + 1 as integer)) as region
    from unnest(sequence(0, 99)) as of_a (a) cross join unnest(sequence(0, 999)) as of_b (b)"
}

# Fills the empty log with $1 events of $2 keys.
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

# Runs what the request's fields $1 say, at path $2 or of the pipeline, to its end.
finish() {
  local answer=
  id=$(accept "$@")
  until [[ $answer == *'"terminal":true'* ]]; do
    answer=$(curl -fsS "$api/runs/$id?wait=55s")
  done
  [[ $answer == *'"succeeded":true'* ]] || fail_with_log "$bench/icefront.log" "run $id did not succeed" "$answer"
}

# Compares one key in $1 of both marts with the typed log, and sets `id` to the run's when all are right.
verify() {
  finish "\"one_in\": $1" "tables/$pipeline.orders/verify"
}

# Asks for a run by the request's fields $1, at path $2 or of the pipeline, and prints its id.
accept() {
  curl -fsS -X POST -H 'content-type: application/json' -d "{$1}" "$api/${2:-pipelines/$pipeline/runs}" |
    sed 's/^{"id":"\([^"]*\)".*/\1/'
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

# Drops $1 CSV files of $2 rows each into the folder, and leaves them alone until they are settled.
drop_files() {
  awk -v files="$1" -v rows="$2" -v folder="$drops" 'BEGIN {
    for (file = 1; file <= files; file++) {
      name = sprintf("%s/orders_%05d.csv", folder, file)
      print "order_id,status,order_sum,description,changed_at,seq" >name
      for (row = 1; row <= rows; row++) {
        n++
        printf "%d,%s,%d.%02d,leave it at the door; needs a signature; lot %d,2026-01-01T%02d:%02d:%02dZ,%d\n", n, n % 3 ? "paid" : "new",
          n % 5000, n % 100, n * 7919 % 16777215, n / 3600 % 24, n / 60 % 60, n % 60, n >name
      }
      close(name)
    }
  }'
  sleep 2
}

# Drops $1 files that count as landed: the ledger has them.
drop_landed_files() {
  awk -v files="$1" -v folder="$drops" 'BEGIN {
    for (file = 1; file <= files; file++) {
      name = sprintf("%s/orders_of_an_earlier_day_with_a_long_name_%07d.csv", folder, file)
      print "order_id" >name
      close(name)
    }
  }'
  # The etag of a file of a folder: inode, microseconds and bytes.
  find "$drops" -name '*earlier*' -printf '%p,%i,%T@,%s\n' | sql "$state" -c 'create table bench.files (path text, inode bigint, changed numeric, size bigint)' \
    -c 'copy bench.files from stdin (format csv)' -c "insert into icefront.files (pipeline, path, etag, size, table_name, batch, state, rows, modified_at, read_by)
      select '$pipeline', ltrim(path, '/'), format('\"%s-%s-%s\"', to_hex(inode), to_hex(floor(changed * 1000000)::bigint), to_hex(size)), size,
        'orders', 1, 'landed', 0, to_timestamp(changed), '' from bench.files" -c 'drop table bench.files' -c 'vacuum analyze icefront.files'
}

# Drops a file by the name $1, and prints the seconds until its rows are published.
land_file() {
  local from=$EPOCHREALTIME landed=0
  printf 'order_id,status,order_sum,description,changed_at,seq\n%d,new,1.00,late,2026-01-02T00:00:00Z,%d\n' "$((900000000 + RANDOM))" "$((900000000 + RANDOM))" >"$drops/$1"
  while [ "$landed" = 0 ]; do
    sleep 0.2
    landed=$(sql "$state" -c "select count(*) from icefront.files as file join icefront.batches as batch on batch.pipeline = file.pipeline and batch.id = file.batch
      join icefront.runs as run on run.id = batch.run_id
      where file.pipeline = '$pipeline' and file.path like '%/$1' and run.state = 'succeeded'")
  done
  since "$from"
}
