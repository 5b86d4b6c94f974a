#!/usr/bin/env bash
# Asks the service whether it is ready, until it is or a minute is over. Takes SCHEME, HOST and PORT. The image has no curl.
set -euo pipefail

# Prints the answer to `GET /readyz`.
ask() {
  local call='GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n'
  if [ "$SCHEME" = https ]; then
    # Only the certificate's owner can use it; callers check whether its name is right.
    # shellcheck disable=SC2059 # the call is a format
    printf "$call" | timeout 10 openssl s_client -quiet -connect "$HOST:$PORT" 2>/dev/null
  else
    exec 3<>"/dev/tcp/$HOST/$PORT"
    # shellcheck disable=SC2059
    printf "$call" >&3
    timeout 10 cat <&3
  fi
}

for _ in {1..30}; do
  answer=$(ask || true)
  case $answer in
  'HTTP/1.'?' 200 '*)
    echo "$SCHEME://$HOST:$PORT is ready: ${answer##*$'\n'}"
    exit 0
    ;;
  esac
  sleep 2
done
echo "$SCHEME://$HOST:$PORT is not ready after a minute: ${answer:-no answer}" >&2
exit 1
