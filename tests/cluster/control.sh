# The control plane: etcd, API server, controllers, scheduler.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

start_control() {
  local token
  openssl genrsa -out "$cluster_run/accounts.key" 2048 2>/dev/null
  token=$(openssl rand -hex 16)
  echo "$token,admin,1,system:masters" >"$cluster_run/tokens.csv"
  write_kubeconfig "$token"
  say "cluster: starting Kubernetes $kubernetes_version"
  launch etcd --data-dir "$cluster_run/etcd" --log-level warn --unsafe-no-fsync \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster default=http://127.0.0.1:2380
  launch kube-apiserver --etcd-servers http://127.0.0.1:2379 --bind-address 0.0.0.0 --advertise-address "$within" --secure-port "$api_port" \
    --cert-dir "$cluster_run/certs" --token-auth-file "$cluster_run/tokens.csv" --authorization-mode Node,RBAC --allow-privileged=true --kubelet-preferred-address-types InternalIP \
    --service-account-issuer https://kubernetes.default.svc.cluster.local --service-cluster-ip-range "$services.0/16" \
    --service-account-key-file "$cluster_run/accounts.key" --service-account-signing-key-file "$cluster_run/accounts.key"
  wait_until 120 inside kubectl get --raw /readyz
  launch kube-controller-manager --kubeconfig "$cluster_run/kubeconfig" --leader-elect=false --bind-address 127.0.0.1 --use-service-account-credentials \
    --service-account-private-key-file "$cluster_run/accounts.key" --root-ca-file "$cluster_run/certs/apiserver.crt" \
    --node-monitor-grace-period 5m
  launch kube-scheduler --kubeconfig "$cluster_run/kubeconfig" --leader-elect=false --bind-address 127.0.0.1
}

write_kubeconfig() {
  cat >"$cluster_run/kubeconfig" <<END
apiVersion: v1
kind: Config
current-context: here
clusters: [{name: here, cluster: {server: "https://127.0.0.1:$api_port", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: $1}}]
contexts: [{name: here, context: {cluster: here, user: admin}}]
END
}
