{{/* Names and labels of the objects. */}}

{{- define "icefront.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Room is left for what is appended, such as `-migrate-` and eight digits. */}}
{{- define "icefront.fullname" -}}
{{- $name := include "icefront.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 45 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 45 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 45 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "icefront.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default (ternary (include "icefront.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "icefront.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- define "icefront.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: icefront
{{ include "icefront.selector" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* All pods of the release. */}}
{{- define "icefront.selector" -}}
app.kubernetes.io/name: {{ include "icefront.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The pods of the service, and not those of migrations and tests. */}}
{{- define "icefront.serviceSelector" -}}
{{ include "icefront.selector" . }}
app.kubernetes.io/component: service
{{- end }}

{{/* The scheme of the API. */}}
{{- define "icefront.scheme" -}}
{{ ternary "https" "http" (not (empty (dig "http" "tls" "" .Values.settings))) }}
{{- end }}
