{{/* What pods of the service, of migrations and of tests have in common. */}}

{{/* The variables of a container; a later list wins over an earlier one by the name. Takes `root` and `over`. */}}
{{- define "icefront.env" -}}
{{- $own := list
  (dict "name" "ICEFRONT_CONFIG" "value" "/etc/icefront/icefront.toml")
  (dict "name" "ICEFRONT__HTTP__BIND" "value" (printf "%s:7070" .root.Values.bindAddress))
  (dict "name" "ICEFRONT__HTTP__METRICS_BIND" "value" (printf "%s:7071" .root.Values.bindAddress))
  (dict "name" "ICEFRONT__PIPELINES__PATH" "value" (include "icefront.pipelines.path" .root)) }}
{{- $variables := list }}
{{- range $i, $list := list $own .root.Values.env .over }}
{{- $later := ternary (concat $.root.Values.env $.over) (ternary $.over list (eq $i 1)) (eq $i 0) }}
{{- $names := list }}
{{- range $later }}{{ $names = append $names .name }}{{ end }}
{{- range $list }}
{{- if not (has .name $names) }}{{ $variables = append $variables . }}{{ end }}
{{- end }}
{{- end }}
{{- toYaml $variables }}
{{- end }}

{{- define "icefront.pipelines.path" -}}
{{- with .Values.pipelines.image -}}
{{ ternary (printf "/etc/icefront/pipelines/%s" (trimAll "/" .subPath)) "/etc/icefront/pipelines" (not (empty (and .reference .subPath))) }}
{{- end -}}
{{- end }}

{{/* A container that runs a command of the image. Takes `root`, `name`, `args`, and `over` for further variables. */}}
{{- define "icefront.container" -}}
name: {{ .name }}
image: {{ include "icefront.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: {{ toJson .args }}
securityContext: {{ toJson .root.Values.securityContext }}
env:
  {{- include "icefront.env" . | nindent 2 }}
{{- with .root.Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources: {{ toJson .root.Values.resources }}
{{- end }}

{{/* Where a container finds settings and secrets, without the secrets of the folders `without`. Takes `root`, too. */}}
{{- define "icefront.mounts" -}}
- {name: settings, mountPath: /etc/icefront/icefront.toml, subPath: icefront.toml, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- range $folder, $_ := .root.Values.secrets }}
{{- if not (hasKey $.without $folder) }}
- {name: secret-{{ $folder }}, mountPath: /secrets/{{ $folder }}, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{- define "icefront.mounts.pipelines" -}}
{{- if or .Values.pipelines.inline .Values.pipelines.configMaps .Values.pipelines.image.reference -}}
- {name: pipelines, mountPath: /etc/icefront/pipelines, readOnly: true}
{{- end -}}
{{- end }}

{{- define "icefront.mounts.migration" -}}
{{ include "icefront.mounts" (dict "root" . "without" .Values.migrations.secrets) }}
{{- range $folder, $_ := .Values.migrations.secrets }}
- {name: migration-secret-{{ $folder }}, mountPath: /secrets/{{ $folder }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "icefront.volumes" -}}
- {name: settings, configMap: {name: {{ include "icefront.fullname" . }}-settings}}
- {name: tmp, emptyDir: {sizeLimit: {{ .Values.tmpSizeLimit }}}}
{{- range $folder, $secret := .Values.secrets }}
- {name: secret-{{ $folder }}, secret: {secretName: {{ $secret }}, defaultMode: 0440}}
{{- end }}
{{- end }}

{{- define "icefront.volumes.migration" -}}
{{- range $folder, $secret := .Values.migrations.secrets }}
- {name: migration-secret-{{ $folder }}, secret: {secretName: {{ $secret }}, defaultMode: 0440}}
{{- end }}
{{- end }}

{{- define "icefront.volumes.pipelines" -}}
{{- with .Values.pipelines }}
{{- if .image.reference -}}
- {name: pipelines, image: {reference: {{ .image.reference | quote }}, pullPolicy: {{ .image.pullPolicy }}}}
{{- else if or .inline .configMaps -}}
- name: pipelines
  projected:
    sources:
      {{- if .inline }}
      - configMap:
          name: {{ include "icefront.fullname" $ }}-pipelines
          items:
            {{- range $pipeline, $files := .inline }}
            {{- range $path, $_ := $files }}
            - {key: {{ include "icefront.pipelines.key" (list $pipeline $path) }}, path: {{ printf "%s/%s" $pipeline $path | quote }}}
            {{- end }}
            {{- end }}
      {{- end }}
      {{- range .configMaps }}
      - configMap: {{ toJson . }}
      {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The key of a file in a ConfigMap, which allows no `/`. */}}
{{- define "icefront.pipelines.key" -}}
{{ printf "%s__%s" (index . 0) (index . 1 | replace "/" "__") | quote }}
{{- end }}

{{/* The fields of a pod's spec that do not differ. */}}
{{- define "icefront.podSpec" -}}
serviceAccountName: {{ include "icefront.serviceAccountName" . }}
automountServiceAccountToken: {{ .Values.serviceAccount.automountToken }}
enableServiceLinks: false
securityContext: {{ toJson .Values.podSecurityContext }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{ toJson . }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.extraPodSpec }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The container that brings the state database up to date. */}}
{{- define "icefront.migration" -}}
{{ include "icefront.container" (dict "root" . "name" "migrate" "args" (list "migrate") "over" .Values.migrations.env) }}
volumeMounts:
  {{- include "icefront.mounts.migration" . | nindent 2 }}
{{- end }}

{{/* The pod of the migration, if a Job does it. */}}
{{- define "icefront.migration.template" -}}
metadata:
  labels:
    {{- include "icefront.labels" . | nindent 4 }}
    app.kubernetes.io/component: migration
  annotations:
    checksum/settings: {{ include "icefront.settings" . | sha256sum }}
spec:
  {{- include "icefront.podSpec" . | nindent 2 }}
  restartPolicy: OnFailure
  containers:
    -
      {{- include "icefront.migration" . | nindent 6 }}
  volumes:
    {{- include "icefront.volumes" . | nindent 4 }}
    {{- with include "icefront.volumes.migration" . | trim }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end }}
