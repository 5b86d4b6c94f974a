# The programs of the cluster: Kubernetes, etcd and containerd as Go modules; runc, network plugins and nft as Debian's packages.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

need_cluster_tools() {
  local log=$cluster/tools.log
  [ "$(id -u)" = 0 ] || fail "a cluster needs root" "run it as root, in a container or a virtual machine of your own"
  command -v go >/dev/null || fail "there is no Go here" "install Go 1.26 or newer: https://go.dev/dl/"
  say "Kubernetes $kubernetes_version, etcd, containerd: Go builds what is not there yet, the first time for a quarter of an hour"
  build_cluster_tools >"$log" 2>&1 || fail_with_log "$log" "a program of the cluster cannot be built" "modules come from the Go module proxy: see above"
  need_cluster_packages
}

build_cluster_tools() (
  export GOBIN=$cluster_home/bin
  jobs=${ICEFRONT_GO_JOBS:+-p $ICEFRONT_GO_JOBS}
  minor=${kubernetes_version#v1.}
  # Without its version, Kubernetes calls itself v0.0.0, which the chart refuses.
  of=k8s.io/component-base/version
  version="-X $of.gitVersion=$kubernetes_version -X $of.gitMajor=1 -X $of.gitMinor=${minor%%.*}"
  mkdir -p "$GOBIN"
  cd "$repo/tests/cluster/tools"
  # shellcheck disable=SC2086 # none, or two words
  for name in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
    go build $jobs -trimpath -ldflags "-s -w $version" -o "$GOBIN/$name" "k8s.io/kubernetes/cmd/$name" || exit
  done
  # shellcheck disable=SC2086
  go build $jobs -trimpath -ldflags '-s -w' -o "$GOBIN/etcd" go.etcd.io/etcd/server/v3 || exit
  CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$GOBIN/pause" ./pause || exit
  of=github.com/containerd/containerd/v2/cmd
  # shellcheck disable=SC2086
  go install $jobs -trimpath -ldflags '-s -w' "$of/containerd@$containerd_version" "$of/ctr@$containerd_version" "$of/containerd-shim-runc-v2@$containerd_version"
)

need_cluster_packages() (
  [ ! -e "$cluster_home/root/complete" ] || exit 0
  log=$cluster/packages.log
  say "runc, network plugins and nft, as Debian's packages"
  mkdir -p "$cluster_home/packages" "$cluster_home/root"
  cd "$cluster_home/packages"
  (apt-get update && apt-get download runc containernetworking-plugins nftables libnftables1 libnftnl11 libmnl0 libjansson4) >"$log" 2>&1 ||
    fail_with_log "$log" "packages cannot be fetched" "a cluster needs Debian 12 or the like"
  for package in *.deb; do
    dpkg -x "$package" "$cluster_home/root"
  done
  touch "$cluster_home/root/complete"
)
