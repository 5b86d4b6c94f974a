# The stack's Trino: finds a JDK and Maven, puts the server together from its published parts, starts and ends it.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

trino_version=483
trino_data=$stack/trino/data
trino_log=$stack/trino/server.log
trino_pid_file=$stack/trino/pid
trino_engine_file=$stack/trino/engine
trino_home=$cache/trino-$trino_version-$(cat "$scripts"/trino/*.xml "$scripts/trino/PooledPostgres.java" | cksum | cut -d' ' -f1)

# Prints the folder of the first JDK, 25 or newer.
find_jdk() {
  local home version
  while read -r home; do
    if [ ! -x "$home/bin/javac" ] || [ ! -f "$home/release" ]; then continue; fi
    version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release")
    [ "${version:-0}" -lt 25 ] || { echo "$home" && return; }
  done < <(
    printf '%s\n' "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/* /opt/java/* "$HOME"/.sdkman/candidates/java/* \
      /Library/Java/JavaVirtualMachines/*/Contents/Home "$HOME"/Library/Java/JavaVirtualMachines/*/Contents/Home \
      /opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home /usr/local/opt/openjdk*/libexec/openjdk.jdk/Contents/Home
    java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java.home = //p'
  )
}

# Sets jdk. Installs Debian's package where there is none.
need_jdk() {
  local missing="Trino $trino_version needs a JDK of version 25 or newer: install one, such as Temurin, and set JAVA_HOME"
  jdk=$(find_jdk)
  [ -z "$jdk" ] || return 0
  install_package openjdk-25-jdk-headless "$missing"
  jdk=$(find_jdk)
  [ -n "$jdk" ] || fail "$missing"
}

# Puts the server together in the cache, unless it is there; an interrupted try is never taken for it.
assemble_trino() (
  parts=$trino_home.unfinished
  [ ! -d "$trino_home" ] || exit 0
  command -v mvn >/dev/null || install_package maven "Maven is missing, which fetches the parts of Trino"
  mkdir -p "$cache"
  exec 8>"$cache/lock"
  lock 8
  [ ! -d "$trino_home" ] || exit 0
  say "trino: putting version $trino_version together in $trino_home, a download of about 250 MB"
  rm -rf "$parts"
  copy_parts engine "$parts/lib"
  copy_parts tpch "$parts/plugin/tpch"
  name_plugin "$parts/plugin/tpch" io.trino.plugin.tpch.TpchPlugin
  copy_parts iceberg "$parts/plugin/iceberg"
  name_plugin "$parts/plugin/iceberg" io.trino.plugin.iceberg.IcebergPlugin
  add_driver "$parts/plugin/iceberg"
  mv "$parts" "$trino_home"
)

# Copies the jars that pom $1 names, with all that they need, to folder $2.
copy_parts() {
  local log=$stack/maven.log
  say "trino: fetching the parts of $1"
  JAVA_HOME=$jdk mvn -B -ntp -f "$scripts/trino/$1.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$2" >"$log" 2>&1 </dev/null ||
    fail_with_log "$log" "Maven could not fetch the parts of $1" "run tests/stack/up again; what was fetched is kept"
}

# Adds to folder $1 what the published plugins lack: the name of their class, $2, as a service.
name_plugin() {
  mkdir -p "$1/META-INF/services"
  echo "$2" >"$1/META-INF/services/io.trino.spi.Plugin"
  "$jdk/bin/jar" --create --file "$1/plugin-name.jar" -C "$1" META-INF
  rm -r "$1/META-INF"
}

# Adds to folder $1 the driver that the catalogs name.
add_driver() {
  local classes=$1/classes
  "$jdk/bin/javac" -cp "$1/*" -d "$classes" "$scripts/trino/PooledPostgres.java"
  "$jdk/bin/jar" --create --file "$1/pooled-postgres.jar" -C "$classes" .
  rm -r "$classes"
}

trino_pid() { cat "$trino_pid_file" 2>/dev/null || true; }

trino_runs() { is_process "$(trino_pid)" "-Dnode.data-dir=$trino_data "; }

# Whether Trino has started with all its workers and reads the Iceberg catalog: follows the answers to a statement to their end.
trino_answers() {
  local answer
  answer=$(curl -sf -m 5 "$trino_url/v1/info" 2>/dev/null) || return 1
  [[ $answer == *'"starting":false'* ]] || return 1
  trino_states 'show schemas from lake' FINISHED || return 1
  # As long as there are fewer nodes, the answer is a division by zero.
  trino_states "select 1 / (count(*) / $(($(workers) + 1))) from system.runtime.nodes where state = 'active'" FINISHED
}

# Whether statement $1 ends in state $2.
trino_states() {
  local answer next
  answer=$(curl -sf -m 30 -H 'X-Trino-User: stack' -d "$1" "$trino_url/v1/statement") || return 1
  while next=$(grep -o '"nextUri":"[^"]*"' <<<"$answer"); do
    next=${next#*:\"}
    answer=$(curl -sf -m 30 -H 'X-Trino-User: stack' "${next%\"}") || return 1
  done
  [[ $answer == *"\"state\":\"$2\""* ]]
}

trino_engine() { cat "$trino_engine_file" 2>/dev/null || echo usual; }

# Prints how many servers work beside the coordinator.
workers() { case "$(trino_engine)" in workers*) echo 2 ;; *) echo 0 ;; esac; }

# Starts Trino as engine $1, unless it runs, and waits until it answers: `usual` and `tests` are one server, `workers` a coordinator and two
# workers, `workers-retry` the same with the retry policy TASK. What measures or shows never gets another engine than the usual one: another
# is replaced. Tests take the usual one where it runs, because something else may be using it.
start_trino() {
  command -v curl >/dev/null || install_package curl "curl is missing"
  case "$(trino_engine),$1" in
  usual,tests) ! trino_runs || say "trino: runs as for the demo; tests are twice as fast after tests/stack/down" ;;
  "$1,$1") ;;
  *) stop_trino ;;
  esac
  if ! trino_runs; then
    need_jdk
    assemble_trino
    say "trino: starting on port $trino_port with a heap of $trino_heap"
    mkdir -p "$trino_data" "$warehouse"
    echo "$1" >"$trino_engine_file"
    launch_trino "$1"
  fi
  wait_for trino "$trino_log" 180
}

# Launches the server or servers of engine $1. A server that gets statements of a few rows needs no threads of a collector: the engine of
# the tests has none.
# The code cache and the metaspace are large, because each time one of them grows to a threshold, the collector goes through the whole heap.
# Half of the heap is young, so that it is seldom collected.
launch_trino() {
  local config=$stack/trino/config.properties jvm=(-XX:+UseG1GC) heap=$trino_heap n
  cp "$scripts/trino/config.properties" "$config"
  case $1 in
  tests)
    cat "$scripts/trino/tests.properties" >>"$config"
    jvm=(-XX:+UseSerialGC -Xms"$heap" -XX:NewRatio=1 -XX:MetaspaceSize=1g -XX:ReservedCodeCacheSize=512m)
    ;;
  workers*)
    heap=2G
    sed -i.bak 's/^\(node-scheduler.include-coordinator\)=true/\1=false/' "$config"
    for ((n = 1; n <= $(workers); n++)); do
      launch_worker "$n" "$1"
    done
    retry_tasks "$1" "$config" "$trino_data"
    ;;
  esac
  launch_server icefront "$trino_data" "$config" -Xmx"$heap" "${jvm[@]}"
  echo "$server" >"$trino_pid_file"
}

# Launches worker $1 of engine $2, unless it runs.
launch_worker() {
  local data=$stack/trino/worker-$1 config=$stack/trino/worker-$1.properties
  ! is_process "$(cat "$data.pid" 2>/dev/null || true)" "-Dnode.data-dir=$data " || return 0
  mkdir -p "$data"
  cp "$scripts/trino/workers/worker.properties" "$config"
  retry_tasks "$2" "$config" "$data"
  export ICEFRONT_STACK_WORKER_PORT=$((trino_port + 10 + $1))
  launch_server "worker-$1" "$data" "$config" -Xmx2G -XX:+UseG1GC
  echo "$server" >"$stack/trino/worker-$1.pid"
}

# Lets a server with settings $2 and folder $3 keep what its stages exchange in files, if engine $1 runs lost tasks again.
retry_tasks() {
  rm -rf "${3:?}/etc"
  [ "$1" = workers-retry ] || return 0
  cat "$scripts/trino/workers/retry.properties" >>"$2"
  mkdir -p "$3/etc" "$stack/trino/exchange"
  printf '%s\n' 'exchange-manager.name=filesystem' "exchange.base-directories=$stack/trino/exchange" >"$3/etc/exchange-manager.properties"
  [ -d "$trino_home/plugin/exchange" ] && return 0
  copy_parts workers/exchange "$trino_home/exchange.unfinished"
  name_plugin "$trino_home/exchange.unfinished" io.trino.plugin.exchange.filesystem.FileSystemExchangePlugin
  mv "$trino_home/exchange.unfinished" "$trino_home/plugin/exchange"
}

# Launches the server that is named $1, in folder $2 with the settings of file $3 and Java's further options, so that it outlives this shell
# and holds nothing of it open. Sets `server` to its process.
launch_server() {
  local name=$1 data=$2 config=$3 detach=nohup
  shift 3
  ! command -v setsid >/dev/null || detach=setsid
  export ICEFRONT_STACK_TRINO_PORT=$trino_port ICEFRONT_STACK_POSTGRES_PORT=$postgres_port ICEFRONT_STACK_S3_PORT=$s3_port ICEFRONT_STACK_WAREHOUSE=$warehouse
  ulimit -n 16384 2>/dev/null || true
  cd "$data" || exit
  "$detach" "$jdk/bin/java" "$@" -XX:+ExitOnOutOfMemoryError -Duser.timezone=UTC \
    --add-modules=jdk.incubator.vector --add-opens=java.base/java.nio=ALL-UNNAMED \
    --sun-misc-unsafe-memory-access=allow --enable-native-access=ALL-UNNAMED \
    -Dnode.environment=test -Dnode.id="$name" -Dnode.data-dir="$data" \
    -Dconfig="$config" -Dlog.levels-file="$scripts/trino/log.properties" \
    -Dcatalog.config-dir="$scripts/trino/catalog" -Dplugin.dir="$trino_home/plugin" \
    -cp "$trino_home/lib/*" "$scripts/trino/Trino.java" </dev/null >>"$trino_log" 2>&1 9>&- &
  server=$!
  cd "$OLDPWD" || exit
}

stop_trino() {
  stop_workers
  trino_runs || return 0
  say "trino: stopping"
  end_process "$(trino_pid)" "-Dnode.data-dir=$trino_data " TERM
}

stop_workers() {
  local n
  for n in 1 2; do
    end_worker "$n" TERM
  done
}

# Ends worker $1, if it runs, with signal $2.
end_worker() {
  local data=$stack/trino/worker-$1 pid
  pid=$(cat "$data.pid" 2>/dev/null || true)
  ! is_process "$pid" "-Dnode.data-dir=$data " || end_process "$pid" "-Dnode.data-dir=$data " "$2"
}

# Starts worker $1 again, as the engine that runs has it, and waits until Trino has all its workers.
start_worker() {
  need_jdk
  launch_worker "$1" "$(trino_engine)"
  wait_for trino "$trino_log" 180
}
