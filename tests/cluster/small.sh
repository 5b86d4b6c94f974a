# The example `small`: one replica, keys, an Ingress.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

show_small() {
  local answer pods
  scheme=http
  if answer=$(inside helm install icefront "$repo/charts/icefront" --namespace data 2>&1); then fail "an installation without values succeeds"; fi
  grep -q '`settings.state.url_file` is missing' <<<"$answer" || fail "an installation without values is refused in other words: $answer"
  [ -z "$(k get all --selector app.kubernetes.io/instance=icefront -o name)" ] || fail "an installation that was refused left objects"
  holds "an installation without values says what is missing, and installs nothing"

  secret icefront-state --from-literal=url=postgres://postgres@shop-db.data.svc/cluster_small?sslmode=disable
  install small >"$cluster_run/small.log"
  holds "small: one command installs it, in a namespace with the rules \`restricted\`; an init container migrates"
  inside helm test icefront --namespace data --logs >"$cluster_run/small-test.log" 2>&1 || fail_with_log "$cluster_run/small-test.log" "helm test fails"
  grep -q 'is ready: ' "$cluster_run/small-test.log" || fail_with_log "$cluster_run/small-test.log" "helm test does not say that the service is ready"
  holds "small: helm test checks settings and pipelines, and finds the service ready"
  [ "$(status "$(call GET /v1/runs)")" = 401 ] || fail "a call without a key is not refused"
  k exec deployment/icefront -- env ICEFRONT_TOKEN="$key" icefront run shop --wait --quiet >"$cluster_run/small-run.log"
  expect_orders small
  holds "small: a run of a pipeline of the values makes the tables; without a key, nobody is answered"
  k exec deployment/icefront -- bash -c 'echo x >/etc/x' 2>/dev/null && fail "the root can be written"
  pods=$(k get pods --selector app.kubernetes.io/component=service -o 'jsonpath={.items[*].spec.volumes[*].name}')
  [[ $pods != *kube-api-access* ]] || fail "the pod has a token of Kubernetes"
  holds "small: the root is read-only, and the pod has no token of Kubernetes"
  install small --set pipelines.inline=null --set pipelines.image.reference=localhost/pipelines:1 --set pipelines.image.pullPolicy=Never >"$cluster_run/small-image.log"
  k exec deployment/icefront -- icefront check >"$cluster_run/small-check.log" || fail_with_log "$cluster_run/small-check.log" "the pipelines of the image are not right"
  grep -q 'models: .*daily_revenue' "$cluster_run/small-check.log" || fail_with_log "$cluster_run/small-check.log" "the image's models are not there"
  holds "small: pipelines may come from an image"
  leave
  holds "small: helm uninstall leaves nothing but the Secrets"
}

# Removes the release, and expects that nothing of it is left but the pod of helm test, which Helm keeps.
leave() {
  inside helm uninstall icefront --namespace data --wait >/dev/null
  k delete pod icefront-test --ignore-not-found >/dev/null
  wait_until 60 nothing_left
}

nothing_left() {
  [ -z "$(k get all,configmaps,serviceaccounts,ingresses,networkpolicies,poddisruptionbudgets --selector app.kubernetes.io/instance=icefront -o name)" ]
}
