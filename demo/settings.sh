# What demo/run and demo/stop share: the stack's addresses, the demo's own databases, and how to call the service.
# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared between the files, some come from tests/stack

demo_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=../tests/stack/settings.sh
source "$demo_folder/../tests/stack/settings.sh"
# shellcheck source=../tests/stack/postgres.sh
source "$scripts/postgres.sh"

demo=$repo/target/demo
drops=$demo/drops
demo_port=${ICEFRONT_DEMO_PORT:-7070}
demo_metrics_port=${ICEFRONT_DEMO_METRICS_PORT:-7071}
service=http://127.0.0.1:$demo_port
shop_url=${postgres_url%/*}/shop
pid_file=$demo/icefront.pid
log_file=$demo/icefront.log

service_runs() { is_process "$(cat "$pid_file" 2>/dev/null)" "icefront serve"; }

# Ends the service that an earlier demo left running.
stop_service() {
  ! service_runs || end_process "$(cat "$pid_file")" "icefront serve" TERM
  rm -f "$pid_file"
}
