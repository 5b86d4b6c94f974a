# Two services over one state: a shop with a schedule, and a carrier's files, one of which cannot be read.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

services=()

start_services() {
  say "a shop, files, and two services over them"
  forget
  sql postgres -c 'create database test_monitoring_shop' -c 'create database test_monitoring_state'
  "$icefront" generate --url "$shop_url" --rows 500 --seed 1 >"$folder/generate.log"
  "$icefront" generate files --into "$folder/drops/shipments" --files 3 --interval 0s --broken 0 --seed 1 >>"$folder/generate.log"
  head -c 100 /dev/urandom >"$folder/drops/shipments/broken.csv.gz"
  write_settings
  serve 0
  serve 2
}

# Serves at the port $1 behind the first, and its metrics one further.
serve() {
  local at=$((port + $1)) log=$folder/icefront-$1.log
  refuse_taken_port Icefront "$at" ICEFRONT_MONITORING_PORT
  ICEFRONT__HTTP__BIND=127.0.0.1:$at ICEFRONT__HTTP__METRICS_BIND=127.0.0.1:$((at + 1)) "$icefront" serve --config "$folder/icefront.toml" >"$log" 2>&1 &
  services+=($!)
  until curl -fs "http://127.0.0.1:$at/readyz" >/dev/null; do
    kill -0 "${services[-1]}" 2>/dev/null || fail_with_log "$log" "the service ended while it started"
    sleep 0.2
  done
}

# Runs both pipelines while Prometheus scrapes, and makes a call that is refused by its path.
run_pipelines() {
  local pipeline
  for pipeline in shop drops; do
    curl -fsS -X POST "$address/v1/pipelines/$pipeline/runs?sync=true&wait=55s" >"$folder/$pipeline.json"
    grep -q '"state":"succeeded"' "$folder/$pipeline.json" || fail "a run of $pipeline did not succeed" "see $folder/$pipeline.json"
  done
  curl -sS "$address/v1/pipelines/nowhere" >/dev/null
  # So that Postgres knows how many rows there are.
  sql test_monitoring_state -c analyze
}

write_settings() {
  rm -rf "$folder/pipelines"
  mkdir -p "$folder/pipelines" "$warehouse/test_monitoring"
  cp -R "$repo/sql/pipelines/shop" "$repo/sql/pipelines/drops" "$folder/pipelines/"
  printf '\nschedule: every 10m\n' >>"$folder/pipelines/shop/pipeline.yaml"
  # Limits that some minutes of load exceed.
  sed -i 's/warn_after: 10m, error_after: 1h/warn_after: 30s, error_after: 2m/' "$folder/pipelines/shop/pipeline.yaml"
  sed -i "s|file:///data/drops/|file://$folder/drops/|" "$folder/pipelines/drops/pipeline.yaml"
  cat >"$folder/icefront.toml" <<END
state.url = "${postgres_url%/*}/test_monitoring_state"
trino = { url = "$trino_url", catalog = "lake", schemas = { landing = "test_monitoring_landing", staging = "test_monitoring_staging", marts = "test_monitoring_marts" } }
landing = { write_to = "file://$warehouse/test_monitoring", read_from = "local:///test_monitoring" }
files.roots = ["file://$folder/drops/"]
pipelines.path = "$folder/pipelines"
connections.shop.url = "$shop_url"
webhooks.ops = { url = "http://127.0.0.1:1/nowhere", events = ["run.failed"], private_networks = ["127.0.0.0/8"] }
END
}

# Drops what an earlier run left in Postgres, in Iceberg and in the folders.
forget() {
  local name
  for name in landing staging marts; do
    trino "drop schema if exists lake.test_monitoring_$name cascade"
  done
  for name in shop state; do
    sql postgres -c "drop database if exists test_monitoring_$name with (force)"
  done
  rm -rf "${warehouse:?}/test_monitoring" "${folder:?}/drops"
}

# Ends what this script started.
end_all() {
  local process
  for process in "${services[@]}" $prometheus; do
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
}
