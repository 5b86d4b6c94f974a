# The stack's S3 server: s3s-fs, a small real one over a folder, built from its published source.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

s3_version=0.14.1
s3_home=$cache/s3s-fs-$s3_version
s3_data=$stack/s3/data
s3_log=$stack/s3/server.log
s3_pid_file=$stack/s3/pid
s3_bucket=ice
s3_access_key=icefront
s3_secret_key=icefront-secret

# Builds the server into the cache, unless it is there.
need_s3() (
  [ ! -x "$s3_home/bin/s3s-fs" ] || exit 0
  log=$stack/s3-install.log
  mkdir -p "$cache"
  exec 8>"$cache/lock"
  lock 8
  [ ! -x "$s3_home/bin/s3s-fs" ] || exit 0
  say "s3: building s3s-fs $s3_version, which takes minutes"
  cargo install s3s-fs --version "$s3_version" --locked --features binary --root "$s3_home" --target-dir "$s3_home.target" >"$log" 2>&1 </dev/null ||
    fail_with_log "$log" "cargo could not build s3s-fs $s3_version" "run tests/stack/up again"
  rm -rf "$s3_home.target"
)

s3_pid() { cat "$s3_pid_file" 2>/dev/null || true; }

s3_runs() { is_process "$(s3_pid)" "$s3_data"; }

# Any answer is one: it asks for a signature.
s3_answers() { curl -s -m 5 -o /dev/null "$s3_url"; }

# Starts the server, unless it runs, and waits until it answers. A bucket is a folder; of an object's path it makes the name of a file,
# which holds 255 bytes, so bucket and warehouse have short names.
start_s3() {
  if ! s3_runs; then
    need_s3
    say "s3: starting on port $s3_port"
    mkdir -p "$s3_data/$s3_bucket"
    detach="nohup"
    ! command -v setsid >/dev/null || detach="setsid"
    RUST_LOG=warn "$detach" "$s3_home/bin/s3s-fs" --host 127.0.0.1 --port "$s3_port" \
      --access-key "$s3_access_key" --secret-key "$s3_secret_key" "$s3_data" </dev/null >>"$s3_log" 2>&1 9>&- &
    echo $! >"$s3_pid_file"
  fi
  wait_for s3 "$s3_log" 30
}

stop_s3() {
  s3_runs || return 0
  say "s3: stopping"
  end_process "$(s3_pid)" "$s3_data" TERM
}
