# The service that is called: over a shop whose changes are logged, and a pipeline `broken` whose runs fail.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

service=

# Makes the shop and the state anew, and starts the service over them.
start_service() {
  say "a shop of its own, and the service over it"
  mkdir -p "$folder"
  forget
  sql postgres -c 'create database test_api_shop' -c 'create database test_api_state'
  "$icefront" generate --url "$shop_url" --rows 2000 --seed 1 >"$folder/generate.log"
  # An event without a key: there is one reject to look at.
  sql test_api_shop -c "insert into audit_log_dml (audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data)
    values ('U', now(), 'public', 'orders', '{\"order_id\": null}')"
  write_settings
  make_key
  refuse_taken_port Icefront "$port" ICEFRONT_API_PORT
  leave_tables
  serve
}

serve() {
  "$icefront" serve --config "$folder/icefront.toml" >"$folder/icefront.log" 2>&1 &
  service=$!
  until curl -fs "$address/readyz" >"$folder/readyz.json"; do
    kill -0 "$service" 2>/dev/null || fail_with_log "$folder/icefront.log" "the service ended while it started"
    sleep 0.1
  done
}

# Makes the key that every caller of the service sends: curl by its own settings, the others by ICEFRONT_TOKEN. And a key of a second caller.
make_key() {
  local made
  made=$("$icefront" key new --name api --grant 'admin:*' 2>/dev/null)
  tail -n 1 <<<"$made" >"$folder/keys.yaml"
  export ICEFRONT_TOKEN CURL_HOME=$folder
  ICEFRONT_TOKEN=$(head -n 1 <<<"$made")
  echo "header = \"Authorization: Bearer $ICEFRONT_TOKEN\"" >"$folder/.curlrc"
  made=$("$icefront" key new --name other --grant runner:shop 2>/dev/null)
  tail -n 1 <<<"$made" >>"$folder/keys.yaml"
  export ICEFRONT_OTHER_TOKEN
  ICEFRONT_OTHER_TOKEN=$(head -n 1 <<<"$made")
}

# Runs a pipeline once and removes it: there are tables that it left.
leave_tables() {
  mkdir "$folder/pipelines/old_shop"
  cat >"$folder/pipelines/old_shop/pipeline.yaml" <<END
pipeline: old_shop
source: {kind: postgres_audit_log, connection: shop}
tables:
  orders: {from: public.orders, key: [order_id], trino_name: old_orders}
  customers: {from: public.customers, key: [customer_id], trino_name: old_customers}
END
  serve
  curl -fsS -X POST "$address/v1/pipelines/old_shop/runs?sync=true&wait=55s" >"$folder/old_shop.json"
  stop_service
  rm -r "$folder/pipelines/old_shop"
}

stop_service() {
  [ -n "$service" ] || return 0
  kill "$service" 2>/dev/null || true
  wait "$service" || true
  service=
}

write_settings() {
  rm -rf "$folder/pipelines"
  mkdir -p "$folder/pipelines/broken" "$warehouse/test_api"
  cp -R "$repo/sql/pipelines/shop" "$folder/pipelines/shop"
  # A test that fails: there are failing rows to look at.
  mkdir "$folder/pipelines/shop/tests"
  cat >"$folder/pipelines/shop/tests/days_with_orders.sql" <<END
{{ config(severity = 'warn', store_failures = true) }}
select * from {{ ref('daily_revenue') }}
END
  cat >"$folder/pipelines/broken/pipeline.yaml" <<END
pipeline: broken
source: {kind: postgres_audit_log, connection: shop, table: public.nowhere}
tables:
  parcels: {from: public.parcels, key: [parcel_id]}
END
  cat >"$folder/icefront.toml" <<END
auth = { mode = "keys", keys_file = "$folder/keys.yaml" }
http = { bind = "127.0.0.1:$port", metrics_bind = "127.0.0.1:$((port + 1))" }
state.url = "${postgres_url%/*}/test_api_state"
trino = { url = "$trino_url", catalog = "lake", schemas = { landing = "test_api_landing", staging = "test_api_staging", marts = "test_api_marts" } }
landing = { write_to = "file://$warehouse/test_api", read_from = "local:///test_api" }
pipelines.path = "$folder/pipelines"
connections.shop.url = "$shop_url"
# The service itself: it refuses each message, which the list of deliveries shows.
webhooks.ops = { url = "$address/nowhere", events = ["run.failed"], private_networks = ["127.0.0.0/8"] }
runs.queue_limit = 10
END
}

# Drops what an earlier run left in Postgres, in Iceberg and in the landing folder.
forget() {
  local name
  for name in landing staging marts; do
    trino "drop schema if exists lake.test_api_$name cascade"
  done
  for name in shop state; do
    sql postgres -c "drop database if exists test_api_$name with (force)"
  done
  rm -rf "${warehouse:?}/test_api"
}
