# Thousands of small batches, on a table with maintenance and on one without, by turns: whether age makes runs slower.
# shellcheck shell=bash disable=SC2154,SC2034 # variables are shared between the files

# Batches between two runs of maintenance. A day of a year has so many if a year is 5,000 batches.
batches_a_day=14
# So long a snapshot is kept: about a week of such days.
kept_snapshots=90s

# Pipeline 1 has maintenance, pipeline 2 has none. Both read one log.
measure_commits() {
  local n ids_1=() ids_2=()
  say "$(commas "$commits") batches with and without maintenance" >&2
  start commits log log
  load 5000 1000
  stop
  sed -i 's|catalog = "lake" }|catalog = "lake", session = { "lake.expire_snapshots_min_retention" = "0s" } }|' "$bench/icefront.toml"
  echo "retention = { at = \"off\", snapshots = \"$kept_snapshots\" }" >>"$bench/icefront.toml"
  launch
  for n in 1 2; do
    pick "$n"
    run ''
  done
  for ((n = 1; n <= commits; n++)); do
    append 50
    pick 1
    run ''
    ids_1+=("$id")
    pick 2
    run ''
    ids_2+=("$id")
    if [ $((n % batches_a_day)) = 0 ]; then
      pick 1
      finish "\"pipeline\": \"$pipeline\"" maintenance/runs
    fi
    [ $((n % 100)) != 0 ] || say "$n of $commits batches" >&2
  done
  keep_commits 1 with "${ids_1[@]}"
  keep_commits 2 without "${ids_2[@]}"
  stop
  forget
}

# Keeps the first and the last hundred runs of pipeline $1, which is $2 maintenance, and what its tables and its state are by then.
keep_commits() {
  local how=$2 table file
  pick "$1"
  shift 2
  keep_runs "commits_first_$how" "the first 100 of $(commas "$commits") batches of 50 events, $how maintenance" '' "${@:1:100}"
  keep_runs "commits_last_$how" "… the last 100" '' "${@:$((commits - 99)):100}"
  keep "commits_ratio_$how" "… the last against the first" ratio "$([ "$how" = without ] || echo 1.2)" \
    "$(ratio "$(kept "commits_last_$how")" "$(kept "commits_first_$how")")" ''
  for table in "$pipeline/${pipeline}_events" "${pipeline}_staging/orders" "${pipeline}_marts/orders" "${pipeline}_marts/orders_history"; do
    file=$(find "$warehouse/warehouse/${table%/*}" -path "*/${table#*/}-*/metadata/*.metadata.json" -printf '%T@ %s\n' | sort -n | tail -n 1)
    keep "commits_metadata_${how}_${table//\//_}" "… \`metadata.json\` of \`${table#*/}\`" kib '' "$(awk '{ print $2 / 1024 }' <<<"$file")" \
      "$(find "$warehouse/warehouse/${table%/*}" -path "*/${table#*/}-*" -type f | wc -l) files in its folder"
  done
  keep "commits_state_$how" "… rows of its runs, steps, statements and events in the state database" rows '' "$(sql "$state" -c "
    select (select count(*) from icefront.runs where pipeline = '$pipeline') + (select count(*) from icefront.statements where pipeline = '$pipeline')
      + (select count(*) from icefront.steps join icefront.runs on runs.id = steps.run_id where pipeline = '$pipeline')
      + (select count(*) from icefront.run_events join icefront.runs on runs.id = run_events.run_id where pipeline = '$pipeline')")" ''
}
