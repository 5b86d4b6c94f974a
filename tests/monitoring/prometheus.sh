# Prometheus and its tool. Debian's package is unpacked and not installed, so that it starts no service.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

prometheus=

# Puts promtool and Prometheus before others, if they are not there yet.
need_prometheus() {
  local bin=$cache/prometheus/usr/bin
  if ! { command -v promtool && command -v prometheus; } >/dev/null; then
    [ -x "$bin/promtool" ] || unpack_prometheus
    export PATH=$bin:$PATH
  fi
}

unpack_prometheus() {
  local log=$folder/prometheus-package.log
  command -v apt-get >/dev/null || fail "promtool and prometheus are missing" "install them: https://prometheus.io/download/"
  say "fetching Debian's package prometheus"
  rm -rf "$folder/package" && mkdir -p "$folder/package" "$cache/prometheus"
  (
    cd "$folder/package"
    [ "$(id -u)" != 0 ] || apt-get update
    apt-get download prometheus
    dpkg-deb -x prometheus_*.deb "$cache/prometheus"
  ) >"$log" 2>&1 </dev/null || fail_with_log "$log" "Debian's package prometheus cannot be fetched" "install promtool and prometheus: https://prometheus.io/download/"
}

# Starts a Prometheus that scrapes both services every second and knows the rules.
start_prometheus() {
  refuse_taken_port Prometheus "$prometheus_port" ICEFRONT_MONITORING_PORT
  rm -rf "$folder/prometheus"
  cat >"$folder/prometheus.yml" <<END
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["$files/alerts.yaml"]
scrape_configs:
  - job_name: icefront
    static_configs: [{targets: ["127.0.0.1:$((port + 1))", "127.0.0.1:$((port + 3))"]}]
END
  promtool check config "$folder/prometheus.yml" >"$folder/prometheus-config.log" 2>&1 || fail_with_log "$folder/prometheus-config.log" "Prometheus refuses its settings"
  prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/prometheus" --web.listen-address="127.0.0.1:$prometheus_port" >"$folder/prometheus.log" 2>&1 &
  prometheus=$!
  until curl -fs "http://127.0.0.1:$prometheus_port/-/ready" >/dev/null; do
    kill -0 "$prometheus" 2>/dev/null || fail_with_log "$folder/prometheus.log" "Prometheus ended while it started"
    sleep 0.2
  done
}
