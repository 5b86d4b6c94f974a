# Measures and keeps what was measured: times, memory, answers, files.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

# Prints the seconds since time $1.
since() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.3f", to - from }'; }

# Prints $1 divided by $2.
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'; }

# Prints number $1 with commas.
commas() { sed -E ':more; s/([0-9])([0-9]{3})(,|$)/\1,\2\3/; t more' <<<"$1"; }

# Prints quantile $1 of the numbers that it reads: the smallest that so large a part of them does not exceed.
quantile() { sort -n | awk -v q="$1" '{ v[NR] = $1 } END { i = int(q * NR); print v[i < q * NR ? i + 1 : i] }'; }

# Prints the MiB of the service by the kernel's word $1: VmRSS is what it has, VmHWM the most that it had.
memory() { awk -v word="$1:" '$1 == word { printf "%.1f", $2 / 1024 }' "/proc/$service/status"; }

# Prints the processor time that process $1 has used, in milliseconds.
processor_ms() { awk -v tick="$(getconf CLK_TCK)" '{ print int(($14 + $15) * 1000 / tick) }' "/proc/$1/stat"; }

# Prints the state of run $1.
state_of() { curl -fsS "$api/runs/$1" | sed 's/.*"state":"\([a-z]*\)".*/\1/'; }

# Prints the seconds that Postgres needs to copy the log to nowhere: the limit of any extraction.
copy() {
  local from=$EPOCHREALTIME
  sql "$origin" -c "copy (select audit_event_id, audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data::text
    from public.audit_log_dml) to stdout (format binary)" >/dev/null
  since "$from"
}

# Prints how much JSON the log holds.
json_size() {
  sql "$origin" -c "select format('%s MB of JSON, %s bytes a row', round(sum(size) / 1e6), round(avg(size)))
    from public.audit_log_dml cross join lateral octet_length(raw_data::text) as size"
}

# Prints the milliseconds of each of $2 calls of address $1, one after the other over one connection.
calls() {
  list_calls "$1" "$2" >"$bench/calls"
  curl -fsS -K "$bench/calls" -w '%{time_total}\n' | awk '{ print $1 * 1000 }'
}

# Makes $2 calls of address $1 at once and prints of each the status and the seconds. One curl makes no more than 300.
hold() {
  local left=$2 part
  while [ "$left" -gt 0 ]; do
    part=$((left < 250 ? left : 250))
    list_calls "$1" "$part" >"$bench/held_$left"
    curl --parallel --parallel-immediate --parallel-max 250 -K "$bench/held_$left" -w '%{http_code} %{time_total}\n' 2>"$bench/held_$left.log" &
    left=$((left - part))
  done
  wait
}

# Prints $2 calls of address $1 as curl reads them.
list_calls() { awk -v url="$1" -v n="$2" 'BEGIN { while (n--) printf "url = \"%s\"\noutput = \"/dev/null\"\n", url }'; }

# Prints how many sessions the log's database has had, and for how many milliseconds statements ran in it.
sessions() { sql postgres -c "select sessions, active_time from pg_stat_database where datname = '$origin'" | tr '|' ' '; }

# Prints how many sockets the service has open.
sockets() { find "/proc/$service/fd" -lname 'socket:*' | wc -l; }

# Keeps a number: name, work, unit, limit or nothing, number, what is beside it, single numbers separated by spaces.
keep() {
  sql "$state" -v name="$1" -v work="$2" -v unit="$3" -v bound="$4" -v measured="$5" -v beside="$6" -v runs="${7:-}" -f - <<'END'
    insert into bench.results (name, work, unit, bound, measured, beside, runs)
    values (:'name', :'work', :'unit', nullif(:'bound', '')::numeric, :'measured'::numeric, :'beside',
      string_to_array(:'runs', ' ')::numeric[])
END
  say "$2: $5 $3" >&2
}

# Keeps the median time of runs: name, work, limit or nothing, the ids of the runs. The steps shown are the median run's.
keep_runs() {
  local name=$1 work=$2 bound=$3
  shift 3
  sql "$state" -v name="$name" -v work="$work" -v bound="$bound" -v ids="$*" -f - <<'END'
    insert into bench.results (name, work, unit, bound, measured, beside, runs, shown_run)
    select :'name', :'work', 'seconds', nullif(:'bound', '')::numeric, percentile_cont(0.5) within group (order by seconds), '',
      array_agg(round(seconds, 3) order by created_at), (array_agg(id order by seconds, id))[(count(*) + 1) / 2]
    from bench.runs
    where id = any (string_to_array(:'ids', ' ')::uuid[])
END
  say "$work: $(kept "$name") seconds" >&2
}

# Prints the MiB of the statement of run $1 that needed the most of Trino's memory.
peak_memory() {
  sql "$state" -c "select round(max((progress ->> 'peak_memory_bytes')::numeric) / 1048576, 1) from icefront.statements where run_id = '$1'"
}

# Prints the number that was kept as $1.
kept() { sql "$state" -c "select round(measured, 3) from bench.results where name = '$1'"; }

# Keeps how long each of the measurement's pipelines extracts the log, in turn with the bare copy: name, work, limit of the ratio or nothing.
keep_extraction() {
  local name=$1 work=$2 bound=$3 n copies='' extracts=()
  for ((n = ${#definitions[@]}; n > 0; n--)); do
    copies+=$(copy)$'\n'
    pick "$n"
    run '"extract"'
    extracts+=("$id")
  done
  copies=${copies%$'\n'}
  keep "${name}_copy" "\`copy … (format binary)\` of the log to nowhere" seconds '' "$(quantile 0.5 <<<"$copies")" "$(json_size)" "${copies//$'\n'/ }"
  keep_runs "$name" "$work" '' "${extracts[@]}"
  keep "${name}_ratio" "… against that copy" ratio "$bound" "$(ratio "$(kept "$name")" "$(kept "${name}_copy")")" ''
}

# Keeps the median time from before an event's transaction in the source until Trino has committed it to `orders`, at $1 events a second.
keep_latency() {
  local bound='' tries=120
  [ "$1" != 100 ] || bound=3
  until [ "$(sql "$state" -c 'select count(*) from bench.latencies where seconds is null')" = 0 ]; do
    [ $((tries--)) -gt 0 ] || fail_with_log "$bench/icefront.log" "an event was not visible for two minutes"
    sleep 1
  done
  sql "$state" -v name="latency_$1" -v work="from an event in the source to \`orders\`, at $1 events a second for $lasting s" -v bound="$bound" -f - <<'END'
    insert into bench.results (name, work, unit, bound, measured, beside, runs)
    select :'name', :'work', 'seconds', nullif(:'bound', '')::numeric, percentile_cont(0.5) within group (order by seconds),
      format('median; p99 %s s, at most %s s; %s runs', round(percentile_cont(0.99) within group (order by seconds)::numeric, 2),
        round(max(seconds), 2), count(distinct run_id)), '{}'
    from bench.latencies
END
  say "latency at $1 events a second: $(kept "latency_$1") seconds" >&2
}

# Keeps how many files the Iceberg tables have by now, as the service tells it.
keep_files() {
  sql "$state" -v answer="$(curl -fsS "$api/tables/$pipeline.orders")" -v prefix="lake.${pipeline}_" -f - <<'END'
    insert into bench.results (name, work, unit, measured, beside, runs)
    select 'files_of_' || replace(short, '.', '_'), format('… data files of `%s` then', short), 'files', (stored ->> 'data_files')::numeric,
      format('%s delete files, %s rows, %s MiB', stored ->> 'delete_files', stored ->> 'rows', round((stored ->> 'bytes')::numeric / 1048576, 1)), '{}'
    from jsonb_array_elements(:'answer'::jsonb -> 'stored_tables') with ordinality as listed (stored, n)
    cross join lateral replace(stored ->> 'trino_table', :'prefix', '') as short
    order by n
END
}

# Prints what the numbers depend on, as a JSON object that ends with the fields $1.
machine() {
  local memory heap trino
  memory=$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)
  heap=$(tr '\0' '\n' <"/proc/$(cat "$stack/trino/pid")/cmdline" | sed -n 's/^-Xmx//p')
  trino=$(curl -fsS "$trino_url/v1/info" | sed 's/.*"version":"\([^"]*\)".*/\1/')
  sql "$state" -v cores="$(getconf _NPROCESSORS_ONLN)" -v memory="$memory" -v trino="$trino" -v heap="$heap" \
    -v icefront="$("$icefront" --version)" -v load="$load_before" -v further="$1" -f - <<'END'
    select rtrim(json_build_object('date', to_char(now() at time zone 'UTC', 'YYYY-MM-DD'), 'cores', :cores, 'memory', :'memory',
      'postgres', split_part(current_setting('server_version'), ' ', 1), 'trino', :'trino', 'trino_heap', :'heap',
      'icefront', split_part(:'icefront', ' ', 2), 'load_before', :load)::text, '}') || ', ' || :'further' || '}'
END
}
