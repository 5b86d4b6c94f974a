# The services that are attacked: over a shop with rows, names and values that are made to be run as a script.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

services=()
# What a page that takes it for HTML would run.
payload='"><img src=x onerror=alert(1)><script>alert(2)</script>'

start_services() {
  local name
  say "a shop of its own, and two services over it"
  forget_shop
  sql postgres -c 'create database browser_shop' -c 'create database browser_state'
  "$icefront" generate --url "$shop_url" --rows 500 --seed 1 >"$folder/generate.log"
  make_odd_table
  make_browser_key
  write_pipelines
  write_service open "$port" 'auth.mode = "none"'
  write_service keyed "$((port + 2))" "auth = { mode = \"keys\", keys_file = \"$folder/keys.yaml\" }
http.hosts = [\"team.example\", \"127.0.0.1\"]
http.cors_origins = [\"http://friend.example:$((port + 4))\"]"
  for name in open keyed; do
    serve_as "$name"
  done
  for name in shop odd; do
    curl -q -sS -X POST "http://127.0.0.1:$port/v1/pipelines/$name/runs?sync=true&wait=55s" >"$folder/$name.json"
  done
  grep -q '"succeeded":true' "$folder/shop.json" || fail "the shop's first run did not succeed" "see $folder/shop.json"
}

# A table whose column and whose row are a script.
make_odd_table() {
  sql browser_shop -v column="$payload" <<'END'
create table odd (id bigint primary key, :"column" text);
insert into odd values (1, :'column');
insert into audit_log_dml (audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data)
select 'I', now(), 'public', 'odd', to_jsonb(odd) from odd;
END
}

make_browser_key() {
  local made
  made=$("$icefront" key new --name browser --grant 'admin:*' 2>/dev/null)
  tail -n 1 <<<"$made" >"$folder/keys.yaml"
  key=$(head -n 1 <<<"$made")
}

# The shop, the odd table, and a pipeline that is broken by a name that is a script.
write_pipelines() {
  rm -rf "$folder/pipelines"
  mkdir -p "$folder/pipelines/odd" "$folder/pipelines/broken" "$warehouse/browser"
  cp -R "$repo/sql/pipelines/shop" "$folder/pipelines/shop"
  cat >"$folder/pipelines/odd/pipeline.yaml" <<END
pipeline: odd
source: {kind: postgres_audit_log, connection: shop}
tables:
  odd: {from: public.odd, key: [id]}
END
  cat >"$folder/pipelines/broken/pipeline.yaml" <<END
pipeline: broken
source: {kind: postgres_audit_log, connection: shop}
tables:
  '$payload': {from: public.odd, key: [id]}
END
}

# Writes the settings of service $1 at port $2, with $3 more.
write_service() {
  cat >"$folder/$1.toml" <<END
http.bind = "127.0.0.1:$2"
http.metrics_bind = "127.0.0.1:$(($2 + 1))"
$3
state.url = "${postgres_url%/*}/browser_state"
trino = { url = "$trino_url", catalog = "lake", schemas = { landing = "browser_landing", staging = "browser_staging", marts = "browser_marts" } }
landing = { write_to = "file://$warehouse/browser", read_from = "local:///browser" }
pipelines.path = "$folder/pipelines"
connections.shop.url = "$shop_url"
END
}

serve_as() {
  local address pid
  address=$(grep -o '127[0-9.:]*' "$folder/$1.toml" | head -n 1)
  refuse_taken_port "$1" "${address#*:}" ICEFRONT_BROWSER_PORT
  "$icefront" serve --config "$folder/$1.toml" >"$folder/$1.log" 2>&1 &
  pid=$!
  services+=("$pid")
  until curl -q -fs "http://$address/readyz" >"$folder/readyz.json"; do
    kill -0 "$pid" 2>/dev/null || fail_with_log "$folder/$1.log" "the service $1 ended while it started"
    sleep 0.1
  done
}

stop_services() {
  [ ${#services[@]} -gt 0 ] || return 0
  kill "${services[@]}" 2>/dev/null || true
  wait "${services[@]}" || true
}

# Drops what an earlier run left in Postgres, in Iceberg and in the landing folder.
forget_shop() {
  local name
  for name in landing staging marts; do
    trino "drop schema if exists lake.browser_$name cascade"
  done
  for name in shop state; do
    sql postgres -c "drop database if exists browser_$name with (force)"
  done
  rm -rf "${warehouse:?}/browser"
}
