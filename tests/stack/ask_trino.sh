# Asks Trino, by its own REST protocol.
# shellcheck shell=bash disable=SC2154,SC2034 # variables are shared between the files

# Has Trino execute $1, and sets `data` to the rows that it gives, as JSON.
trino() {
  local answer next
  data=
  answer=$(curl -q -sS -H 'X-Trino-User: scripts' -d "$1" "$trino_url/v1/statement")
  while next=$(grep -o '"nextUri":"[^"]*"' <<<"$answer"); do
    next=${next#*:\"}
    answer=$(curl -q -sS -H 'X-Trino-User: scripts' "${next%\"}")
    data+=$(grep -o '"data":\[\[.*\]\]' <<<"$answer" || true)
  done
  [[ $answer == *'"state":"FINISHED"'* ]] || fail "Trino refused: $1" "$(grep -o '"message":"[^"]*"' <<<"$answer" | head -n 1)"
}
