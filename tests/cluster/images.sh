# The images of pods: the service, as the Dockerfile describes it, what holds the namespaces of a pod, and pipelines. No daemon is needed.
# shellcheck shell=bash disable=SC2154 # variables are shared between the files

make_images() {
  local file pipeline=$repo/sql/pipelines/shop files=()
  mkdir -p "$cluster/images"
  python3 "$cluster_scripts/image.py" localhost/pause:1 "$cluster/images/pause.tar" "$cluster_home/bin/pause=/pause"
  while read -r file; do
    files+=("$pipeline/$file=/shop/$file")
  done < <(cd "$pipeline" && find . -type f | cut -c3-)
  python3 "$cluster_scripts/image.py" localhost/pipelines:1 "$cluster/images/pipelines.tar" "${files[@]}"
  set -- "$icefront=/usr/local/bin/icefront" /etc/ssl/certs/ca-certificates.crt=/etc/ssl/certs/ca-certificates.crt =/etc/icefront/pipelines/ =/tmp/
  for file in bash cat env openssl sleep timeout; do
    set -- "$@" "$(command -v "$file")=/usr/bin/$file"
  done
  python3 "$cluster_scripts/image.py" localhost/icefront:test "$cluster/images/icefront.tar" --dockerfile "$repo/Dockerfile" "$@"
}
