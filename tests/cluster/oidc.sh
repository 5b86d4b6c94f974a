# The example `oidc`: tokens of Kubernetes, and a CronJob that starts a run.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

show_oidc() {
  local token answer
  scheme=https
  secret icefront-state --from-literal=url=postgres://postgres@shop-db.data.svc/cluster_oidc?sslmode=disable
  install oidc >"$cluster_run/oidc.log"
  holds "oidc: two replicas that speak TLS are ready"
  k create job first --from=cronjob/nightly >/dev/null
  k wait job/first --for=condition=complete --timeout=180s >/dev/null || fail "the Job of the CronJob does not end: $(k logs job/first)"
  expect_orders oidc
  holds "oidc: a CronJob runs the pipeline with the token of its service account: $(k logs job/first | tail -n 1)"
  token=$(k create token nightly --audience icefront)
  answer=$(call GET '/v1/runs?pipeline=shop' -H "Authorization: Bearer $token")
  [ "$(status "$answer")" = 200 ] || fail "the token of the CronJob's account is refused: $answer"
  [ "$(head -n 1 <<<"$answer" | grep -o '"requested_by":"[^"]*"' | sort -u)" = '"requested_by":"kubernetes/system:serviceaccount:data:nightly"' ] ||
    fail "the run does not name its caller: $answer"
  token=$(k create token nightly --audience icefront --duration 10m)
  [ "$(status "$(call POST /v1/tables/shop.orders/rebuild -H "Authorization: Bearer $token")")" = 403 ] || fail "a runner may rebuild"
  token=$(k create token default --audience icefront)
  [ "$(status "$(call GET /v1/pipelines/shop -H "Authorization: Bearer $token")")" = 404 ] || fail "another account sees the pipeline"
  token=$(k create token nightly)
  [ "$(status "$(call GET /v1/runs -H "Authorization: Bearer $token")")" = 401 ] || fail "a token for another audience is taken"
  holds "oidc: the account may run and no more, another account sees nothing, a token for another audience is refused"
  inside helm test icefront --namespace data >"$cluster_run/oidc-test.log" 2>&1 || fail_with_log "$cluster_run/oidc-test.log" "helm test fails"
  holds "oidc: helm test finds the service ready over TLS"
  leave
}
