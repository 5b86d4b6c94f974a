# The namespace of the cluster, the way between it and this machine, and the names of Services.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

start_network() {
  ip netns add "$space"
  ip link add icefront0 type veth peer name icefront1 netns "$space"
  ip addr add "$outside/30" dev icefront0
  ip link set icefront0 up
  ip route add "$pods.0/24" via "$within"
  inside ip link set lo up
  inside ip addr add "$within/30" dev icefront1
  inside ip link set icefront1 up
  inside ip route add default via "$outside"
  inside ip link add ice0 type bridge
  inside ip addr add "$pods.1/24" dev ice0
  inside ip link set ice0 up
  inside sysctl -qw net.ipv4.ip_forward=1
  # Postgres, Trino and S3 of tests/stack, which listen on this machine only.
  setsid python3 "$cluster_scripts/forward.py" "$outside" "5432=$postgres_port" "8080=$trino_port" "9000=$s3_port" >"$cluster_run/forward.log" 2>&1 </dev/null &
  echo $! >"$cluster_run/forward.pid"
}

start_names() {
  "${inside[@]}" setsid python3 "$cluster_scripts/dns.py" "$within" >"$cluster_run/dns.log" 2>&1 </dev/null &
  echo $! >"$cluster_run/dns.pid"
}

stop_network() {
  ip netns del "$space" 2>/dev/null || true
  ip link del icefront0 2>/dev/null || true
}
