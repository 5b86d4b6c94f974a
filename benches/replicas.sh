# Three services that poll for as long as a day has minutes, once a second: what they hold at the begin and at the end.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

# Ten pipelines read one log, each polls every second. Nothing changes until the end.
measure_replicas() {
  local n before after polled from services=() ports=()
  say "$polls_each polls of ten pipelines, by three services" >&2
  start replicas log log log log log log log log log log
  load 1000 200
  for n in "${!definitions[@]}"; do
    pick $((n + 1))
    run ''
    echo 'poll: 1s' >>"$bench/pipelines/$pipeline/pipeline.yaml"
  done
  stop
  for n in 0 1 2; do
    ports+=($((port + 2 * n)))
    sed "s|^http = .*|http = { bind = \"127.0.0.1:${ports[n]}\", metrics_bind = \"127.0.0.1:$((port + 2 * n + 1))\" }|" "$bench/icefront.toml" >"$bench/replica_$n.toml"
    "$icefront" serve --config "$bench/replica_$n.toml" 2>>"$bench/icefront.log" &
    services+=($!)
  done
  trap 'kill "${services[@]}" 2>/dev/null || true' EXIT
  for n in 0 1 2; do
    until curl -fs "http://127.0.0.1:${ports[n]}/readyz" >/dev/null; do sleep 0.1; done
  done
  # The first polls fill the connections and the caches.
  sleep 60
  before=$(held "${services[@]}") from=$(sessions) rows=$(state_rows)
  sleep "$polls_each"
  after=$(held "${services[@]}") polled=$(sessions)
  keep replicas_polls "polls of ten idle pipelines by three services" polls "$polls_each" "$((${polled%% *} - ${from%% *}))" "$polls_each s"
  keep replicas_memory "… memory of the three at the end against the begin" ratio 1.1 "$(ratio "${after% *}" "${before% *}")" "${before% *} MiB, then ${after% *} MiB"
  keep replicas_descriptors "… open files and sockets at the end against the begin" ratio 1.1 "$(ratio "${after#* }" "${before#* }")" "${before#* }, then ${after#* }"
  keep replicas_rows "… rows that the polls left in the state database" rows 0 "$(($(state_rows) - rows))" "$rows before"
  append 10
  n=0
  until [ "$(sql "$state" -c "select count(*) from icefront.batches where pipeline like '${prefix}_replicas_%' and events = 10 and state = 'landed'")" = 10 ]; do
    [ $((n += 1)) -le 600 ] || fail_with_log "$bench/icefront.log" "a change was not seen after the polls"
    sleep 0.1
  done
  kill "${services[@]}"
  wait "${services[@]}" || true
  forget
}

# Prints the MiB and the open descriptors of the processes, added up.
held() {
  local one memory=0 descriptors=0
  for one in "$@"; do
    memory=$((memory + $(awk '$1 == "VmRSS:" { print $2 }' "/proc/$one/status")))
    descriptors=$((descriptors + $(find "/proc/$one/fd" -mindepth 1 | wc -l)))
  done
  echo "$((memory / 1024)) $descriptors"
}

# Prints the rows of all tables of the state database, counted.
state_rows() {
  sql "$state" -c "select sum((xpath('/row/n/text()', query_to_xml(format('select count(*) as n from icefront.%I', table_name), false, true, '')))[1]::text::bigint)
    from information_schema.tables where table_schema = 'icefront' and table_type = 'BASE TABLE'"
}
