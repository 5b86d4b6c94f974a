# The words of the claims: install, call, ask, compare.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

# Says what was shown.
holds() { printf '[%3ds] ok  %s\n' "$SECONDS" "$*"; }

k() { inside kubectl --namespace data "$@"; }

# Installs example $1, or upgrades it, with further arguments of Helm.
install() {
  local values=(--values "$repo/charts/icefront/examples/$1.yaml" --values "$cluster_scripts/values/all.yaml")
  [ ! -e "$cluster_scripts/values/$1.yaml" ] || values+=(--values "$cluster_scripts/values/$1.yaml")
  # Each example has tables of its own.
  inside helm upgrade --install icefront "$repo/charts/icefront" --namespace data --wait --timeout 5m "${values[@]}" \
    --set-json "settings.trino.schemas={\"landing\": \"$1_landing\", \"staging\": \"$1_staging\", \"marts\": \"$1_marts\"}" \
    --set "settings.landing.write_to=s3://ice/$1" --set "settings.landing.read_from=s3://ice/$1" "${@:2}"
}

# Makes Secret $1 anew, of further arguments.
secret() {
  k delete secret "$1" --ignore-not-found >/dev/null
  k create secret generic "$@" >/dev/null
}

# Calls the API by its Service: `call POST /v1/pipelines/shop/runs …`. Prints the answer, and below it the status.
call() {
  local address
  address=$(k get service icefront -o 'jsonpath={.spec.clusterIP}')
  inside curl -q -sS -m 90 -w '\n%{http_code}\n' --cacert "$cluster_run/ca.crt" --resolve "icefront.data.svc:7070:$address" \
    -X "$1" "$scheme://icefront.data.svc:7070$2" "${@:3}"
}

status() { tail -n 1 <<<"$1"; }

# Prints the rows that Trino answers.
ask_trino() {
  local answer next
  answer=$(curl -q -sS -H 'X-Trino-User: cluster' -d "$1" "$trino_url/v1/statement")
  while next=$(grep -o '"nextUri":"[^"]*"' <<<"$answer"); do
    next=${next#*:\"}
    answer=$(curl -q -sS -H 'X-Trino-User: cluster' "${next%\"}")
    grep -o '"data":\[\[.*\]\]' <<<"$answer" | sed 's/^"data"://' || true
  done
}

# Expects that the orders of example $1 are those of the shop.
expect_orders() {
  local there here
  there=$(sql cluster_shop -c "select format('[[%s,\"%s\"]]', count(*), coalesce(sum(order_sum), 0)::numeric(20, 2)) from orders")
  here=$(ask_trino "select count(*), cast(cast(coalesce(sum(order_sum), 0) as decimal(20, 2)) as varchar) from lakes3.$1_marts.orders")
  [ "$there" = "$here" ] || fail "the orders of $1 are $here, and those of the shop $there"
}

# Prints what may explain a failure.
explain() {
  [ -e "/run/netns/$space" ] || return 0
  k get pods,jobs -o wide || true
  k get events --sort-by .lastTimestamp | tail -n 15 || true
  k logs --selector app.kubernetes.io/name=icefront --all-containers --tail 15 --prefix || true
}
