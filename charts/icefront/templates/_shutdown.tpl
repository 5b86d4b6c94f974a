{{/* How long a pod may take to end. */}}

{{/* The seconds of a duration such as `20s`, `1m` or `1h 30m`; empty if it is written in another way. */}}
{{- define "icefront.seconds" -}}
{{- $text := . | replace " " "" }}
{{- if regexMatch "^([0-9]+(ms|s|m|h|d))+$" $text }}
{{- $seconds := 0 }}
{{- range regexFindAll "[0-9]+[a-z]+" $text -1 }}
{{- $number := regexFind "[0-9]+" . | atoi }}
{{- $unit := regexFind "[a-z]+" . }}
{{- $seconds = ternary (add $seconds 1) (add $seconds (mul $number (get (dict "s" 1 "m" 60 "h" 3600 "d" 86400 "ms" 0) $unit))) (eq $unit "ms") }}
{{- end }}
{{- $seconds }}
{{- end }}
{{- end }}

{{/*
The pod leaves the Service (`shutdown.delaySeconds`), steps may go on (`runs.shutdown_grace`), the last answers are sent (10 s),
threads end (5 s); 5 s are in reserve.
*/}}
{{- define "icefront.terminationGracePeriodSeconds" -}}
{{- $grace := dig "runs" "shutdown_grace" "20s" .Values.settings }}
{{- $seconds := include "icefront.seconds" $grace }}
{{- $given := .Values.shutdown.terminationGracePeriodSeconds }}
{{- $needed := add .Values.shutdown.delaySeconds ($seconds | default "0" | atoi) 20 }}
{{- if kindIs "invalid" $given }}
{{- if not $seconds }}{{ fail (printf "`settings.runs.shutdown_grace` is `%s`: write it as `20s`, `1m` or `1h 30m`, or set `shutdown.terminationGracePeriodSeconds`" $grace) }}{{ end }}
{{- $needed }}
{{- else }}
{{- if lt (int64 $given) $needed }}{{ fail (printf "`shutdown.terminationGracePeriodSeconds` is %d, and steps would be killed in their grace: remove it, or set %d or more" (int64 $given) $needed) }}{{ end }}
{{- int64 $given }}
{{- end }}
{{- end }}
