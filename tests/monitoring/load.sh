# Minutes of load with some trouble, so that the lines of the dashboard move.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

# Changes rows, drops files and runs both pipelines again and again, for $1 minutes.
load() {
  local begin=$SECONDS round=1 minute
  for minute in $(seq "$1"); do
    say "minute $minute of $1 of load"
    case $minute in
      2) hold_back & ;;
      4) fail_a_run ;;
      5) lock_out ;;
    esac
    while [ $((SECONDS - begin)) -lt $((minute * 60)) ]; do
      round=$((round + 1))
      change "$round"
      run_pipelines
      sleep 3
    done
  done
}

# Changes rows of the shop and drops files of the carrier. The generators take each seed $1 once.
change() {
  "$icefront" generate --quiet --url "$shop_url" --rows $(($1 % 4 * 100 + 50)) --seed "$1"
  "$icefront" generate files --quiet --into "$folder/drops/shipments" --files 2 --interval 0s --broken 0 --seed "$1"
} >>"$folder/generate.log"

# A transaction stays open for 45 s. Meanwhile, runs do not read what comes after its begin.
hold_back() {
  sql test_monitoring_shop -c 'begin; select pg_current_xact_id(); select pg_sleep(45); commit' >"$folder/held.txt"
}

# The log is missing, so the run fails at once.
fail_a_run() {
  sql test_monitoring_shop -c 'alter table audit_log_dml rename to hidden_log'
  curl -sS -X POST "$address/v1/pipelines/shop/runs?sync=true&wait=55s" >"$folder/failed.json"
  sql test_monitoring_shop -c 'alter table hidden_log rename to audit_log_dml'
}

# The shop refuses connections for 15 s, so the run tries again until it succeeds.
lock_out() {
  sql postgres -c 'alter database test_monitoring_shop allow_connections false'
  (sleep 15 && sql postgres -c 'alter database test_monitoring_shop allow_connections true') &
  run_pipelines
  wait $!
}
