{{/* What the values lack. Everything is told at once, in words that say what to do. */}}

{{/* Fails with a list of faults, if there are any. */}}
{{- define "icefront.check" -}}
{{- $faults := list }}
{{- range list "image" "required" "access" "tls" "owned" "secrets" "pipelines" "reach" }}
{{- $found := include (printf "icefront.faults.%s" .) $ | trim }}
{{- if $found }}{{ $faults = concat $faults (splitList "\n" $found) }}{{ end }}
{{- end }}
{{- $faults = without $faults "" }}
{{- if $faults }}
{{- fail (printf "\n\nIcefront would not start. Complete the values (examples/ of the chart has some):\n  - %s\n" (join "\n  - " $faults)) }}
{{- end }}
{{- end }}

{{/* `true` if one of the settings `paths` is set, in `settings` or by a variable of `env`. What `envFrom` sets cannot be seen here. */}}
{{- define "icefront.has" -}}
{{- $has := false }}
{{- $variables := list }}
{{- range .root.Values.env }}{{ $variables = append $variables .name }}{{ end }}
{{- range .paths }}
{{- $parts := splitList "." . }}
{{- $variable := printf "ICEFRONT__%s" (join "__" $parts | upper) }}
{{- $section := get $.root.Values.settings (first $parts) | default dict }}
{{- if or (has $variable $variables) (not (empty (get $section (last $parts)))) }}{{ $has = true }}{{ end }}
{{- end }}
{{- ternary "true" "" $has }}
{{- end }}

{{- define "icefront.faults.image" }}
{{- if not .Values.image.repository }}
`image.repository` is missing: the image without its tag, such as `ghcr.io/OWNER/icefront`
{{- end }}
{{- end }}

{{- define "icefront.faults.required" }}
{{- if not (include "icefront.has" (dict "root" . "paths" (list "state.url" "state.url_file"))) }}
`settings.state.url_file` is missing: the file with the address of the service's own Postgres database, such as `/secrets/state/url`; name its Secret in `secrets.state`
{{- end }}
{{- if not (include "icefront.has" (dict "root" . "paths" (list "trino.url"))) }}
`settings.trino.url` is missing: the address of Trino, such as `https://trino.data.svc:8443`
{{- end }}
{{- if not (include "icefront.has" (dict "root" . "paths" (list "trino.catalog"))) }}
`settings.trino.catalog` is missing: the Iceberg catalog of all tables
{{- end }}
{{- range list "write_to" "read_from" }}
{{- if not (include "icefront.has" (dict "root" $ "paths" (list (printf "landing.%s" .)))) }}
`settings.landing.{{ . }}` is missing: the landing folder, such as `s3://bucket/landing`
{{- end }}
{{- end }}
{{- end }}

{{- define "icefront.faults.access" }}
{{- $auth := .Values.settings.auth | default dict }}
{{- $modes := splitList "," (ternary $auth.mode (join "," ($auth.mode | default list)) (kindIs "string" $auth.mode)) }}
{{- $is_named := include "icefront.has" (dict "root" . "paths" (list "auth.mode" "auth.allow_unauthenticated")) }}
{{- if or (not $is_named) (and (has "none" $modes) (not $auth.allow_unauthenticated)) }}
`settings.auth.mode` lets everybody in: set `keys` or `oidc`; or set `allow_unauthenticated: true` beside it, if something else keeps callers out
{{- end }}
{{- if and (has "keys" $modes) (not (include "icefront.has" (dict "root" . "paths" (list "auth.keys_file")))) }}
`settings.auth.keys_file` is missing: the file with the lines that `icefront key new` prints, such as `/secrets/keys/keys.yaml`; name its Secret in `secrets.keys`
{{- end }}
{{- if and (has "oidc" $modes) (not $auth.issuers) }}
`settings.auth.issuers` is empty: name an issuer of tokens, as `icefront settings` shows
{{- end }}
{{- range $name, $issuer := $auth.issuers }}
{{- if and (hasPrefix "/var/run/secrets/kubernetes.io/" ($issuer.token_file | default "")) (not $.Values.serviceAccount.automountToken) }}
`settings.auth.issuers.{{ $name }}.token_file` is the token of the pod's account: set `serviceAccount.automountToken: true`
{{- end }}
{{- end }}
{{- if and $auth.allow_unauthenticated (not (include "icefront.has" (dict "root" . "paths" (list "http.hosts")))) }}
`settings.http.hosts` is missing: with `allow_unauthenticated`, list the names of the service, such as `{{ include "icefront.fullname" . }}.{{ .Release.Namespace }}.svc`
{{- end }}
{{- end }}

{{- define "icefront.faults.tls" }}
{{- if not (include "icefront.has" (dict "root" . "paths" (list "http.tls" "http.behind_tls_proxy"))) }}
`settings.http.tls` is missing: callers would send keys in the clear. Set `{cert_file: /secrets/tls/tls.crt, key_file: /secrets/tls/tls.key}` and `secrets.tls`; or set `settings.http.behind_tls_proxy: true` if an Ingress, a Gateway or a mesh ends TLS
{{- end }}
{{- end }}

{{/* Settings that the chart itself makes. */}}
{{- define "icefront.faults.owned" }}
{{- range $path, $instead := dict "http.bind" "`bindAddress`" "http.metrics_bind" "`bindAddress`" "pipelines.path" "`pipelines`" }}
{{- $parts := splitList "." $path }}
{{- if hasKey (get $.Values.settings (first $parts) | default dict) (last $parts) }}
`settings.{{ $path }}` is set by the chart: remove it, and use {{ $instead }}
{{- end }}
{{- end }}
{{- if and (ne .Values.migrations.mode "none") (dig "state" "migrate" false .Values.settings) }}
`settings.state.migrate` is true beside `migrations.mode: {{ .Values.migrations.mode }}`: remove it, or set the mode to `none`
{{- end }}
{{- end }}

{{/* Secrets do not belong into a ConfigMap. */}}
{{- define "icefront.faults.secrets" }}
{{- include "icefront.faults.secrets.in" (dict "at" "settings" "of" .Values.settings) }}
{{- end }}

{{- define "icefront.faults.secrets.in" }}
{{- range $key, $value := .of }}
{{- $at := printf "%s.%s" $.at $key }}
{{- if kindIs "map" $value }}
{{- include "icefront.faults.secrets.in" (dict "at" $at "of" $value) }}
{{- else if and $value (has $key (list "password" "jwt" "secret" "routing_key" "api_key")) }}
`{{ $at }}` is a secret, and everybody who sees ConfigMaps could read it: set `{{ $at }}_file`, and name its Secret in `secrets`
{{- else if and (kindIs "string" $value) (regexMatch "^[a-z0-9+]+://[^/?#@]*:[^/?#@]*@" $value) }}
`{{ $at }}` has a password in its address: set `{{ $at }}_file` or `password_file`, and name its Secret in `secrets`
{{- end }}
{{- end }}
{{- end }}

{{- define "icefront.faults.pipelines" }}
{{- if and .Values.pipelines.image.reference (or .Values.pipelines.inline .Values.pipelines.configMaps) }}
`pipelines.image` is set beside `pipelines.inline` or `pipelines.configMaps`: choose one
{{- end }}
{{- if and .Values.pipelines.image.reference (semverCompare "<1.33-0" .Capabilities.KubeVersion.Version) }}
`pipelines.image` needs Kubernetes 1.33 or newer, and this is {{ .Capabilities.KubeVersion.Version }}: use `pipelines.configMaps`
{{- end }}
{{- range $pipeline, $files := .Values.pipelines.inline }}
{{- if not (hasKey $files "pipeline.yaml") }}
`pipelines.inline.{{ $pipeline }}` has no file `pipeline.yaml`
{{- end }}
{{- end }}
{{- end }}

{{- define "icefront.faults.reach" }}
{{- $hosts := dig "http" "hosts" list .Values.settings }}
{{- range $kind, $names := dict "ingress.hosts" (ternary .Values.ingress.hosts list .Values.ingress.enabled) "httpRoute.hostnames" (ternary .Values.httpRoute.hostnames list .Values.httpRoute.enabled) }}
{{- range $names }}
{{- if and $hosts (not (has . $hosts)) }}
`settings.http.hosts` lacks `{{ . }}` of `{{ $kind }}`: the service would refuse its calls
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
`ingress.hosts` is empty: list the names that the Ingress answers to
{{- end }}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.egress) }}
`networkPolicy.egress` is empty: the service would reach neither its state database nor Trino. List what it may call
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
`httpRoute.parentRefs` is empty: name the Gateway
{{- end }}
{{- end }}
