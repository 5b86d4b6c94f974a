# The example `ha`: three replicas under load are upgraded, rolled back, killed and drained.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

show_ha() {
  local round
  scheme=https
  make_roles
  install ha --wait-for-jobs >"$cluster_run/ha.log"
  are_ready 3 || fail "three replicas are not ready"
  holds "ha: a Job migrates with the owner's role, then three replicas of a role without rights on the schema are ready"
  start_load
  for round in $(seq "${ICEFRONT_TEST_ROUNDS:-2}"); do
    exchange_pods "$round"
  done
  end_load
  show_refused_settings
  show_drain
  leave
}

# Upgrades, goes back, and kills a pod, while runs are started.
exchange_pods() {
  install ha --wait-for-jobs --set settings.runs.concurrency=5 >"$cluster_run/upgrade.log"
  holds "ha: an upgrade under load exchanges the pods one after the other ($1)"
  inside helm rollback icefront --namespace data --wait --timeout 5m >"$cluster_run/rollback.log"
  holds "ha: a rollback under load ($1)"
  k delete pod "$(k get pods --selector app.kubernetes.io/component=service -o 'jsonpath={.items[0].metadata.name}')" --grace-period 0 --force >/dev/null 2>&1
  wait_until 120 are_ready 3
  holds "ha: a killed pod is replaced ($1)"
}

# A role that owns the schema, and one that only uses it, as docs/reference/rights.md says.
make_roles() {
  sql cluster_ha <<'SQL'
do $$ begin create role cluster_owner login; exception when duplicate_object then null; end $$;
do $$ begin create role cluster_service login; exception when duplicate_object then null; end $$;
create schema icefront authorization cluster_owner;
grant usage on schema icefront to cluster_service;
alter default privileges for role cluster_owner in schema icefront grant select, insert, update, delete on tables to cluster_service;
alter default privileges for role cluster_owner in schema icefront grant usage on sequences to cluster_service;
SQL
  secret icefront-state --from-literal=url=postgres://cluster_service@shop-db.data.svc/cluster_ha
  secret icefront-state-owner --from-literal=url=postgres://cluster_owner@shop-db.data.svc/cluster_ha
}

# Whether $1 pods of the service are ready.
are_ready() {
  [ "$1" = "$(k get pods --selector app.kubernetes.io/component=service -o 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' | grep -c True)" ]
}

# Changes the shop, and starts a run each second, each with its own key. A start is repeated until it is answered.
start_load() {
  "$icefront" generate --url "${postgres_url%/*}/cluster_shop" --duration 10m --rate 20 --seed 2 >"$cluster_run/load.log" 2>&1 &
  generator=$!
  : >"$cluster_run/keys"
  start_runs >"$cluster_run/starts.log" 2>&1 &
  starter=$!
}

start_runs() {
  local answer id=0
  while [ ! -e "$cluster_run/load-ends" ]; do
    id=$((id + 1))
    echo "load-$id" >>"$cluster_run/keys"
    until answer=$(call POST /v1/pipelines/shop/runs -H "Authorization: Bearer $key" -H "Idempotency-Key: load-$id" \
      -H 'content-type: application/json' -d "{\"labels\": {\"load\": \"$id\"}}") && [[ $(status "$answer") == 2* ]]; do
      echo "load-$id: $answer"
      sleep 0.5
    done
    sleep 1
  done
}

# Ends the load, and expects that each key is one run that succeeded, and that the tables are the shop's.
end_load() {
  local wanted runs
  touch "$cluster_run/load-ends"
  wait "$starter"
  kill "$generator" 2>/dev/null || true
  wait "$generator" 2>/dev/null || true
  wait_until 300 no_active_run
  wanted=$(wc -l <"$cluster_run/keys")
  runs=$(sql cluster_ha -c "select format('%s %s %s', count(*), count(distinct request -> 'labels' ->> 'load'), count(*) filter (where state = 'succeeded')) from icefront.runs where request -> 'labels' ? 'load'")
  [ "$runs" = "$wanted $wanted $wanted" ] || fail "of $wanted starts there are $runs runs, keys and successes"
  [[ $(call POST '/v1/pipelines/shop/runs?sync=true&wait=55s' -H "Authorization: Bearer $key") == *'"succeeded":true'* ]] || fail "the last run does not succeed"
  expect_orders ha
  holds "ha: $wanted runs that were started meanwhile succeeded, each once, and the tables are those of the shop"
}

no_active_run() {
  [ "$(sql cluster_ha -c "select count(*) from icefront.runs where state in ('queued', 'running')")" = 0 ]
}

# A setting that the service refuses: new pods do not start, so old ones stay.
show_refused_settings() {
  ! install ha --set settings.trino.uri=x --timeout 20s >"$cluster_run/refused.log" 2>&1 || fail "an upgrade succeeds with a setting that does not exist"
  are_ready 3 || fail "three pods should be ready beside those that do not start"
  [ "$(status "$(call GET /readyz)")" = 200 ] || fail "the service is not ready"
  inside helm rollback icefront --namespace data --wait --timeout 5m >"$cluster_run/rollback.log"
  holds "ha: an upgrade with a setting that the service refuses leaves the pods that work"
}

# There is one node, so a pod that is evicted finds no other: the budget lets one go, and no more.
show_drain() {
  if inside kubectl drain "$node" --ignore-daemonsets --delete-emptydir-data --pod-selector app.kubernetes.io/component=service --timeout 25s >"$cluster_run/drain.log" 2>&1; then
    fail "a drain takes all pods at once"
  fi
  are_ready 2 || fail "two pods should be ready while the node is drained"
  inside kubectl uncordon "$node" >/dev/null
  k rollout status deployment/icefront --timeout=120s >/dev/null
  holds "ha: a drain takes one pod at a time"
}
