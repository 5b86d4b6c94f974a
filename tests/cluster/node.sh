# The node: containerd, kubelet and kube-proxy, on this machine. All they write lies below the cluster's folder.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

start_node() {
  local image
  mkdir -p "$cluster_run"/{cni,kubelet,containerd,state}
  write_containerd_settings
  write_kubelet_settings
  launch containerd --config "$cluster_run/containerd.toml"
  wait_until 60 in_containerd version
  for image in "$cluster"/images/*.tar; do
    in_containerd --namespace k8s.io images import "$image"
  done
  launch kubelet --config "$cluster_run/kubelet.yaml" --kubeconfig "$cluster_run/kubeconfig" --root-dir "$cluster_run/kubelet" \
    --cert-dir "$cluster_run/kubelet/pki" --hostname-override "$node" --node-ip "$within"
  launch kube-proxy --kubeconfig "$cluster_run/kubeconfig" --proxy-mode nftables --hostname-override "$node" --cluster-cidr "$pods.0/24" \
    --conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0 --conntrack-tcp-timeout-close-wait 0 \
    --metrics-bind-address 127.0.0.1:10249 --healthz-bind-address 127.0.0.1:10256
  wait_until 120 inside kubectl wait --for=condition=Ready "node/$node" --timeout=1s
  inside kubectl label node "$node" topology.kubernetes.io/zone=zone-1 >/dev/null
}

in_containerd() { inside ctr --address "$cluster_run/containerd.sock" "$@" >>"$cluster_run/ctr.log" 2>&1; }

write_containerd_settings() {
  cat >"$cluster_run/cni/10-bridge.conflist" <<END
{"cniVersion": "1.0.0", "name": "icefront", "plugins": [{"type": "bridge", "bridge": "ice0", "isGateway": true, "hairpinMode": true, "ipMasq": false,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": "$pods.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}], "dataDir": "$cluster_run/ipam"}}]}
END
  cat >"$cluster_run/containerd.toml" <<END
version = 3
root = "$cluster_run/containerd"
state = "$cluster_run/state"
disabled_plugins = ["io.containerd.nri.v1.nri"]
[grpc]
  address = "$cluster_run/containerd.sock"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "localhost/pause:1"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["$cluster_home/root/usr/lib/cni"]
  conf_dir = "$cluster_run/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "$cluster_home/root/usr/sbin/runc"
  SystemdCgroup = false
END
}

write_kubelet_settings() {
  cat >"$cluster_run/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $within
readOnlyPort: 0
healthzBindAddress: 127.0.0.1
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupRoot: /
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
containerRuntimeEndpoint: unix://$cluster_run/containerd.sock
makeIPTablesUtilChains: false
localStorageCapacityIsolation: false
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi}
clusterDNS: [$within]
clusterDomain: cluster.local
resolvConf: ""
volumePluginDir: $cluster_run/plugins
podLogsDir: $cluster_run/pods
registerNode: true
END
}
