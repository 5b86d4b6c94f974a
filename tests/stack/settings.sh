# The settings of the test servers, and the few words that up, down and status share.
#
# | variable                     | default             | what                                                        |
# |------------------------------|---------------------|-------------------------------------------------------------|
# | ICEFRONT_STACK_DIR           | <repo>/target/stack | data, logs, pid files, the file `env`                       |
# | ICEFRONT_STACK_POSTGRES_PORT | 25432               | a stack keeps its ports until `down --clean`                |
# | ICEFRONT_STACK_TRINO_PORT    | 28080               |                                                             |
# | ICEFRONT_STACK_S3_PORT       | Trino's + 1000      |                                                             |
# | ICEFRONT_STACK_TRINO_HEAP    | 4G                  | as `java -Xmx` takes it                                     |
# | ICEFRONT_CACHE               | ~/.cache/icefront   | the assembled Trino, which outlives `cargo clean`           |
# | JAVA_HOME                    |                     | is looked at first; a JDK older than 25 there is passed over |
#
# Ports are below 32768: those above may at any time be the near end of a connection, which Linux chooses.
# shellcheck shell=bash disable=SC2034 # variables are shared between the files

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
repo=$(cd "$scripts/../.." && pwd -P)

stack=${ICEFRONT_STACK_DIR:-$repo/target/stack}
mkdir -p "$stack"
stack=$(cd "$stack" && pwd -P)
cache=${ICEFRONT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/icefront}

kept_ports=$(cat "$stack/ports" 2>/dev/null || echo 25432 28080)
read -r kept_postgres_port kept_trino_port kept_s3_port <<<"$kept_ports"
postgres_port=${ICEFRONT_STACK_POSTGRES_PORT:-$kept_postgres_port}
trino_port=${ICEFRONT_STACK_TRINO_PORT:-$kept_trino_port}
s3_port=${ICEFRONT_STACK_S3_PORT:-${kept_s3_port:-$((trino_port + 1000))}}
trino_heap=${ICEFRONT_STACK_TRINO_HEAP:-4G}

postgres_url=postgres://postgres@127.0.0.1:$postgres_port/postgres
trino_url=http://127.0.0.1:$trino_port
s3_url=http://127.0.0.1:$s3_port
warehouse=$stack/warehouse

say() { printf '[%3ds] %s\n' "$SECONDS" "$*"; }

# Ends the script with what is wrong and, in further arguments, what to do about it.
fail() {
  printf 'tests/stack: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  -> %s\n' "$@" >&2
  exit 1
}

# Like fail, after the last lines of log $1, less Java's stack traces.
fail_with_log() {
  printf -- '--- the end of %s\n' "$1" >&2
  grep -v '^[[:space:]]*\(at .*\)\{0,1\}$' "$1" | tail -n 20 >&2 || true
  printf -- '---\n' >&2
  shift
  fail "$@"
}

# Whether process $1 lives and its command line holds $2: a pid file outlives its process, and the pid is given away.
is_process() {
  local command
  [ -n "$1" ] || return 1
  if [ -e /proc/self/cmdline ]; then
    command=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") || return 1
  else
    command=$(ps -ww -p "$1" -o args=) || return 1
  fi
  [[ $command == *"$2"* ]]
}

# Ends process $1, whose command line holds $2, with signal $3, and waits until it is gone.
end_process() {
  local since=$SECONDS
  kill -s "$3" "$1"
  while is_process "$1" "$2"; do
    if [ $((SECONDS - since)) -gt 30 ]; then
      say "process $1 does not end: killing it"
      kill -s KILL "$1"
      since=$SECONDS
    fi
    sleep 0.1
  done
}

# Waits until `$1_answers`, as long as `$1_runs`; $2 is its log and $3 the time in seconds.
wait_for() {
  local since=$SECONDS said=$SECONDS
  until "$1_answers"; do
    # A process that was launched a moment ago may still look like this shell.
    "$1_runs" || { sleep 1 && "$1_runs"; } || fail_with_log "$2" "$1 ended while it started" "correct what its log says, then run tests/stack/up again"
    [ $((SECONDS - since)) -lt "$3" ] ||
      fail_with_log "$2" "$1 does not answer after $3 s" "run tests/stack/down, then tests/stack/up again"
    if [ $((SECONDS - said)) -ge 5 ]; then
      said=$SECONDS
      say "$1: starting, for $((SECONDS - since)) s"
    fi
    sleep 0.2
  done
}

# Stops when port $2 of server $1, which variable $3 sets, is taken by something that is not ours.
refuse_taken_port() {
  if (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; then
    fail "port $2, meant for $1, is taken by a program that is not of this stack" \
      "another clone's stack? end it with that clone's tests/stack/down" \
      "or take another port: $3=… tests/stack/up" \
      "(\`ss -ltnp\` or \`lsof -i :$2\` shows whose it is; if it is ours, and target/ was removed while it ran, kill it)"
  fi
}

# Installs Debian's package $1, or fails with $2.
install_package() {
  local log=$stack/install.log
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    fail "$2" "on Debian: apt-get install $1, as root"
  fi
  say "installing Debian's package $1"
  # The lock is not for daemons that a package starts.
  (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1") >"$log" 2>&1 </dev/null 9>&- ||
    fail_with_log "$log" "$2" "Debian's package $1 could not be installed: see above"
}

# Waits until nobody else holds the lock of descriptor $1.
lock() {
  command -v flock >/dev/null || return 0
  flock -n "$1" && return 0
  say "waiting for another run of tests/stack"
  flock "$1"
}

# Lets only one script at a time change this stack, and only its owner.
lock_stack() {
  [ -O "$stack" ] || fail "$stack belongs to another user" "be that user, or set ICEFRONT_STACK_DIR to a folder of your own"
  exec 9>"$stack/lock"
  lock 9
}
