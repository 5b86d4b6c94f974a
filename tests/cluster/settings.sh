# The settings of the cluster that tests start, and the few words that its scripts share.
#
# | variable             | default               | what                                                               |
# |----------------------|-----------------------|--------------------------------------------------------------------|
# | ICEFRONT_CLUSTER_DIR | <repo>/target/cluster | state, logs, pid files, images                                     |
# | ICEFRONT_GO_JOBS     |                       | packages that Go builds at once; without it, as many as processors |
#
# The cluster lives in a network namespace of its own, so that it takes no port of this machine and changes no rule of its firewall.
# A pair of interfaces leads from there to this machine, where a program forwards three ports to the servers of tests/stack.
# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared between the files

cluster_scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=../stack/settings.sh
source "$cluster_scripts/../stack/settings.sh"

cluster=${ICEFRONT_CLUSTER_DIR:-$repo/target/cluster}
mkdir -p "$cluster"
cluster=$(cd "$cluster" && pwd -P)
cluster_run=$cluster/run
cluster_home=$cache/cluster-tools
kubernetes_version=v1.37.2
containerd_version=v2.3.7

space="icefront-cluster"
node="node-1"
# This machine's end of the pair, and the cluster's.
outside=10.213.0.1
within=10.213.0.2
pods=10.214.0
services=10.215.0
api_port=26443

# What runs a command where the cluster is, as its administrator.
inside=(nsenter --net="/run/netns/$space" env KUBECONFIG="$cluster_run/kubeconfig"
  LD_LIBRARY_PATH="$cluster_home/root/usr/lib/$(uname -m)-linux-gnu" PATH="$cluster_home/bin:$cache/chart-tools/bin:$cluster_home/root/usr/sbin:$PATH")

inside() { "${inside[@]}" "$@"; }

# Starts program $1 there, in the background; its log and its process id get its name.
launch() {
  "${inside[@]}" setsid nice -n 5 "$@" >"$cluster_run/$1.log" 2>&1 </dev/null &
  echo $! >"$cluster_run/$1.pid"
}

# Waits until command $2… succeeds, for $1 seconds.
wait_until() {
  local since=$SECONDS seconds=$1
  shift
  until "$@" >/dev/null 2>&1; do
    [ $((SECONDS - since)) -lt "$seconds" ] || fail "this does not succeed within $seconds s: $*" "the logs are in $cluster_run"
    sleep 0.5
  done
}
