{{- define "nemotron-models.labels" -}}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- /* "true" where image.repository begins with a registry, as container runtimes tell it from a folder. */ -}}
{{- define "nemotron-models.repositoryNamesRegistry" -}}
{{- regexMatch "^([^/]*[.:][^/]*|localhost)/" .Values.image.repository -}}
{{- end -}}

{{- /* As in the operator's chart: the registry that is named closest to the image counts. */ -}}
{{- define "nemotron-models.image" -}}
{{- $registry := .Values.image.registry -}}
{{- if and (not $registry) (eq (include "nemotron-models.repositoryNamesRegistry" .) "false") -}}
{{- $registry = .Values.global.imageRegistry | default .Values.image.defaultRegistry -}}
{{- end -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end -}}
