{{- define "nemotron-operator.name" -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end -}}

{{- define "nemotron-operator.selector" -}}
app.kubernetes.io/name: nemotron-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "nemotron-operator.labels" -}}
{{ include "nemotron-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "nemotron-operator.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end -}}

{{- define "nemotron-operator.config" -}}
{{- $config := deepCopy (.Values.config | default dict) -}}
{{- /* The Jobs run the operator's own image, wherever it was mirrored to. */ -}}
{{- if not $config.downloaderImage -}}
{{- $_ := set $config "downloaderImage" (include "nemotron-operator.image" .) -}}
{{- end -}}
{{ toYaml $config }}
{{- end -}}
