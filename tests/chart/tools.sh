# The programs that check the chart, and the definitions of Kubernetes' API. All come as Go modules.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

# Builds the programs of tests/chart/tools into the cache, and puts them before others.
need_chart_tools() {
  local bin log=$stack/chart-tools.log
  bin=$cache/chart-tools/bin
  need_go
  say "Helm, helm-unittest, kubeconform: Go builds what is not there yet, the first time for some minutes"
  (cd "$repo/tests/chart/tools" && GOBIN=$bin go install ${ICEFRONT_GO_JOBS:+-p "$ICEFRONT_GO_JOBS"} -trimpath -ldflags='-s -w' tool ./custom) >"$log" 2>&1 ||
    fail_with_log "$log" "a program cannot be built" "modules come from the Go module proxy: see above"
  export PATH=$bin:$PATH
}

need_go() {
  command -v go >/dev/null || fail "there is no Go here" "install Go 1.26 or newer: https://go.dev/dl/"
}

# Writes the JSON Schemas of Kubernetes $1, out of the module that has its OpenAPI document.
need_schemas() {
  local module schemas=$cache/kubernetes-schemas/$1
  # shellcheck disable=SC2153 # `here` is the folder of the script that runs
  [ ! -e "$schemas/complete" ] || [ "$here/schemas.py" -nt "$schemas/complete" ] || return 0
  say "the API of Kubernetes $1: some 20 MB"
  module=$(cd "$stack" && go mod download -json "k8s.io/kubernetes@$1") || fail "Kubernetes $1 cannot be fetched: $module"
  rm -rf "$schemas"
  python3 "$here/schemas.py" "$(python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])' <<<"$module")/api/openapi-spec/swagger.json" "$schemas"
  touch "$schemas/complete"
}
