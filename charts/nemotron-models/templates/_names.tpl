{{- define "nemotron-models.labels" -}}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- /* As in the operator's chart: the registry that is named closest to the image counts. */ -}}
{{- define "nemotron-models.image" -}}
{{- $registry := .Values.image.registry -}}
{{- if and (not $registry) (not (regexMatch "^([^/]*[.:][^/]*|localhost)/" .Values.image.repository)) -}}
{{- $registry = .Values.global.imageRegistry | default .Values.image.defaultRegistry -}}
{{- end -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end -}}
