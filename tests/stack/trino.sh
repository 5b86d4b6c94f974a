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

# Whether Trino has started and reads the Iceberg catalog: follows the answers to a statement to their end.
trino_answers() {
  local answer next
  answer=$(curl -sf -m 5 "$trino_url/v1/info" 2>/dev/null) || return 1
  [[ $answer == *'"starting":false'* ]] || return 1
  answer=$(curl -sf -m 30 -H 'X-Trino-User: stack' -d 'show schemas from lake' "$trino_url/v1/statement") || return 1
  while next=$(grep -o '"nextUri":"[^"]*"' <<<"$answer"); do
    next=${next#*:\"}
    answer=$(curl -sf -m 30 -H 'X-Trino-User: stack' "${next%\"}") || return 1
  done
  [[ $answer == *'"state":"FINISHED"'* ]]
}

# Starts Trino as engine $1, `usual` or `tests`, unless it runs, and waits until it answers. What measures or shows never gets the engine of
# the tests: that one is replaced. Tests take the usual one where it runs, because something else may be using it.
start_trino() {
  command -v curl >/dev/null || install_package curl "curl is missing"
  case "$(cat "$trino_engine_file" 2>/dev/null || echo usual),$1" in
  tests,usual) stop_trino ;;
  usual,tests) ! trino_runs || say "trino: runs as for the demo; tests are twice as fast after tests/stack/down" ;;
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

# Launches the server as engine $1, so that it outlives this shell and holds nothing of it open. Half of the time of a server that is young
# and gets statements of a few rows goes into the second compiler and into threads of the collector: the engine of the tests has neither.
# The code cache and the metaspace are large, because each time one of them grows to a threshold, the collector goes through the whole heap.
# Half of the heap is young, so that it is seldom collected.
launch_trino() (
  config=$stack/trino/config.properties
  engine=(-XX:+UseG1GC)
  cp "$scripts/trino/config.properties" "$config"
  if [ "$1" = tests ]; then
    cat "$scripts/trino/tests.properties" >>"$config"
    engine=(-XX:+UseSerialGC -Xms"$trino_heap" -XX:NewRatio=1 -XX:MetaspaceSize=1g -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=512m)
  fi
  detach="nohup"
  ! command -v setsid >/dev/null || detach="setsid"
  export ICEFRONT_STACK_TRINO_PORT=$trino_port ICEFRONT_STACK_POSTGRES_PORT=$postgres_port ICEFRONT_STACK_S3_PORT=$s3_port ICEFRONT_STACK_WAREHOUSE=$warehouse
  ulimit -n 16384 2>/dev/null || true
  cd "$trino_data" || exit
  "$detach" "$jdk/bin/java" -Xmx"$trino_heap" "${engine[@]}" -XX:+ExitOnOutOfMemoryError -Duser.timezone=UTC \
    --add-modules=jdk.incubator.vector --add-opens=java.base/java.nio=ALL-UNNAMED \
    --sun-misc-unsafe-memory-access=allow --enable-native-access=ALL-UNNAMED \
    -Dnode.environment=test -Dnode.id=icefront -Dnode.data-dir="$trino_data" \
    -Dconfig="$config" -Dlog.levels-file="$scripts/trino/log.properties" \
    -Dcatalog.config-dir="$scripts/trino/catalog" -Dplugin.dir="$trino_home/plugin" \
    -cp "$trino_home/lib/*" "$scripts/trino/Trino.java" </dev/null >>"$trino_log" 2>&1 9>&- &
  echo $! >"$trino_pid_file"
)

stop_trino() {
  trino_runs || return 0
  say "trino: stopping"
  end_process "$(trino_pid)" "-Dnode.data-dir=$trino_data " TERM
}
