# Python programs of tests and benchmarks, each in a virtual environment of its own.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

# Prints the newest Python 3.$1 to 3.$2 that can make a virtual environment; $3, if not empty, is tried first.
find_python() {
  local name minor names=("$3")
  for ((minor = $2; minor >= $1; minor--)); do
    names+=("python3.$minor")
  done
  for name in "${names[@]}" python3; do
    if [ -n "$name" ] && "$name" -c "import sys, venv, ensurepip; sys.exit(not (3, $1) <= sys.version_info[:2] <= (3, $2))" >/dev/null 2>&1; then
      command -v "$name"
      return
    fi
  done
}

# Installs program $1 into the cache, where it is not there yet, and sets `python_home` to its folder. Folder $2 has requirements.txt and
# constraints.txt. It needs a Python 3.$3 to 3.$4, which variable $5 may name.
need_python_program() {
  local python version log=$stack/$1.log
  python=$(find_python "$3" "$4" "${!5:-}")
  [ -n "$python" ] || fail "there is no Python 3.$3 to 3.$4 with venv here" "on Debian: apt-get install python3-venv" "or name one: $5=…"
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  python_home=$cache/$1-python$version-$(cat "$2/constraints.txt" "$2/requirements.txt" | cksum | cut -d' ' -f1)
  mkdir -p "$cache"
  exec 8>"$cache/$1.lock"
  lock 8
  if [ ! -e "$python_home/complete" ]; then
    say "installing $(head -n 1 "$2/requirements.txt") for Python $version into $python_home: about a minute"
    rm -rf "$python_home"
    "$python" -m venv "$python_home" >"$log" 2>&1 || fail_with_log "$log" "$python cannot make a virtual environment" "on Debian: apt-get install python3-venv"
    "$python_home/bin/pip" install --disable-pip-version-check -r "$2/requirements.txt" -c "$2/constraints.txt" >"$log" 2>&1 8>&- ||
      fail_with_log "$log" "$1 could not be installed" "the packages come from PyPI: see above"
    touch "$python_home/complete"
  fi
  exec 8>&-
}
