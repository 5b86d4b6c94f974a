{{/* Writes values as TOML. Helm's own `toToml` makes floats of numbers. */}}

{{/* A line for each setting of the map `of`, below the key `at`. What is null is left out. */}}
{{- define "icefront.toml.lines" -}}
{{- range $key, $value := .of }}
{{- $name := ternary $key (toJson $key) (regexMatch "^[A-Za-z0-9_-]+$" $key) }}
{{- $at := ternary $name (printf "%s.%s" $.at $name) (empty $.at) }}
{{- if and (kindIs "map" $value) $value }}
{{- include "icefront.toml.lines" (dict "at" $at "of" $value) }}
{{- else if not (kindIs "invalid" $value) }}
{{ $at }} = {{ include "icefront.toml.value" $value }}
{{- end }}
{{- end }}
{{- end }}

{{- define "icefront.toml.value" -}}
{{- if kindIs "string" . -}}
{{ toJson . }}
{{- else if kindIs "slice" . -}}
[{{ range $i, $value := . }}{{ if $i }}, {{ end }}{{ include "icefront.toml.value" $value }}{{ end }}]
{{- else if kindIs "map" . -}}
{ {{- range $i, $key := keys . | sortAlpha }}{{ if $i }},{{ end }} {{ toJson $key }} = {{ include "icefront.toml.value" (get $ $key) }}{{ end }} }
{{- else if and (kindIs "float64" .) (eq (floor .) .) -}}
{{ int64 . }}
{{- else -}}
{{ toString . }}
{{- end -}}
{{- end }}

{{/* The settings of the values, with what the chart decides. */}}
{{- define "icefront.settings" -}}
{{- $settings := deepCopy .Values.settings }}
{{- if ne .Values.migrations.mode "none" }}
{{- $settings = merge (dict "state" (dict "migrate" false)) $settings }}
{{- end -}}
# Written by the chart from `settings` of the values.
{{- include "icefront.toml.lines" (dict "at" "" "of" $settings) }}
{{- end }}
