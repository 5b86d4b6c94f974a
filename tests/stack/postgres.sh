# The stack's own Postgres: finds the programs, makes the cluster, starts and ends it. Never touches the system's clusters.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

postgres_data=$stack/postgres
postgres_log=$postgres_data/server.log

# Prints the folder of the newest Postgres programs, 14 or newer.
find_postgres() {
  local folder version
  while read -r folder; do
    if [ ! -x "$folder/initdb" ] || [ ! -x "$folder/pg_ctl" ] || [ ! -x "$folder/psql" ]; then continue; fi
    version=$("$folder/initdb" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    [ "$version" -lt 14 ] || { echo "$folder" && return; }
  done < <(
    printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin \
      /usr/local/opt/postgresql@*/bin /Applications/Postgres.app/Contents/Versions/*/bin | sort -rV
    tr ':' '\n' <<<"$PATH"
  )
}

# Sets postgres_programs. Installs Debian's package where there is none, without the cluster that would come with it.
need_postgres() {
  local missing="there is no Postgres 14 or newer here" clusters=/etc/postgresql-common/createcluster.conf
  postgres_programs=$(find_postgres)
  [ -z "$postgres_programs" ] || return 0
  install_package postgresql-common "$missing"
  sed -i.icefront 's/^#\? *create_main_cluster *=.*/create_main_cluster = false/' "$clusters"
  install_package postgresql "$missing"
  mv "$clusters.icefront" "$clusters"
  postgres_programs=$(find_postgres)
  [ -n "$postgres_programs" ] || fail "$missing, and Debian's is older" "install one"
}

# Runs a command as a user that may run Postgres, which refuses root.
as_postgres() (
  cd /
  if [ "$(id -u)" != 0 ]; then
    "$@"
  elif command -v setpriv >/dev/null; then
    setpriv --reuid postgres --regid postgres --init-groups "$@"
  else
    runuser -u postgres -- "$@"
  fi
)

# Runs psql on database $1.
sql() {
  local database=$1
  shift
  PGCONNECT_TIMEOUT=5 PGOPTIONS='-c client_min_messages=warning' "$postgres_programs/psql" -XqtA -v ON_ERROR_STOP=1 \
    -h 127.0.0.1 -p "$postgres_port" -U postgres -d "$database" "$@"
}

# Prints where the data really is.
data_folder() { readlink "$postgres_data" || echo "$postgres_data"; }

postgres_pid() { sed -n 1p "$postgres_data/postmaster.pid" 2>/dev/null || true; }

postgres_runs() { is_process "$(postgres_pid)" "-D $(data_folder) "; }

postgres_answers() { [ "$(sql postgres -c 'select 1' 2>/dev/null)" = 1 ]; }

# Makes the data folder, for the user postgres where we are root; under /var/tmp if that user may not enter the stack's folder.
make_data_folder() {
  local folder=$postgres_data
  if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 || fail "Postgres does not run as root, and there is no user postgres" "useradd --system postgres"
    if ! as_postgres test -x "$stack"; then
      folder=/var/tmp/icefront-stack-$(cksum <<<"$stack" | cut -d' ' -f1)
      ln -sfn "$folder" "$postgres_data"
    fi
  fi
  rm -rf "$folder"
  mkdir -m 700 "$folder"
  [ "$(id -u)" != 0 ] || chown postgres "$folder"
}

make_cluster() {
  local log=$stack/initdb.log locale=C
  case $(locale -a 2>/dev/null) in *C.[Uu][Tt][Ff]*) locale=C.UTF-8 ;; esac
  say "postgres: making a cluster in $postgres_data"
  make_data_folder
  as_postgres "$postgres_programs/initdb" --pgdata "$(data_folder)" --username postgres --auth trust \
    --encoding UTF8 --locale "$locale" --no-sync >"$log" 2>&1 || fail_with_log "$log" "initdb failed"
}

# Ends what a killed server left: a query that is still busy would keep a new server from starting. Knows how on Linux only.
end_orphans() {
  local process
  for process in $(find /proc/[0-9]*/cwd -maxdepth 0 -lname "$(data_folder)" 2>/dev/null | tr -dc '0-9\n'); do
    ! is_process "$process" "postgres: " || end_process "$process" "postgres: " KILL
  done
}

# Starts Postgres, unless it runs, and waits until it answers.
start_postgres() {
  if ! postgres_runs; then
    [ -f "$postgres_data/global/pg_control" ] || make_cluster
    end_orphans
    # A process that was given the pid of a killed server would make Postgres believe that it still runs.
    if kill -0 "$(postgres_pid)" 2>/dev/null; then
      rm "$postgres_data/postmaster.pid"
    fi
    cat "$scripts/postgres.conf" >"$postgres_data/postgresql.conf"
    say "postgres: starting on port $postgres_port"
    as_postgres "$postgres_programs/pg_ctl" start --silent --pgdata "$(data_folder)" --log "$(data_folder)/server.log" \
      --options "-p $postgres_port" </dev/null >/dev/null 2>&1 9>&- ||
      fail_with_log "$postgres_log" "postgres ended while it started" "correct what its log says, then run tests/stack/up again"
  fi
  wait_for postgres "$postgres_log" 60
}

# Makes the database of the Iceberg catalog, as far as it is missing.
make_catalog() {
  [ "$(sql postgres -c "select 1 from pg_database where datname = 'lake'")" = 1 ] || sql postgres -c 'create database lake'
  sql lake -f "$scripts/catalog.sql"
}

stop_postgres() {
  postgres_runs || return 0
  say "postgres: stopping"
  end_process "$(postgres_pid)" "-D $(data_folder) " INT
}
