{{- define "nemotron-operator.name" -}}
{{ .Values.nameOverride | default .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end -}}

{{- define "nemotron-operator.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default (include "nemotron-operator.name" .) }}
{{- end -}}

{{- /* Selectors cannot change: these two labels are those of the first release. */ -}}
{{- define "nemotron-operator.selector" -}}
app.kubernetes.io/name: nemotron-operator
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "nemotron-operator.testSelector" -}}
app.kubernetes.io/name: nemotron-operator-test
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "nemotron-operator.ownLabels" -}}
{{ include "nemotron-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "nemotron-operator.labels" -}}
{{ include "nemotron-operator.ownLabels" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* In the metadata of each object, `with include "nemotron-operator.annotations" .`: there may be none. */ -}}
{{- define "nemotron-operator.annotations" -}}
{{- with .Values.commonAnnotations -}}
{{ toYaml . }}
{{- end -}}
{{- end -}}

{{- define "nemotron-operator.podLabels" -}}
{{ mergeOverwrite (include "nemotron-operator.labels" . | fromYaml) .Values.podLabels | toYaml }}
{{- end -}}

{{- define "nemotron-operator.podAnnotations" -}}
{{- /* A new configuration is a new pod. */ -}}
{{- $own := dict "checksum/config" (include "nemotron-operator.config" . | sha256sum) -}}
{{ merge $own .Values.podAnnotations .Values.commonAnnotations | toYaml }}
{{- end -}}

{{- /* "true" where image.repository begins with a registry, as container runtimes tell it from a folder. */ -}}
{{- define "nemotron-operator.repositoryNamesRegistry" -}}
{{- regexMatch "^([^/]*[.:][^/]*|localhost)/" .Values.image.repository -}}
{{- end -}}

{{- define "nemotron-operator.image" -}}
{{- $registry := .Values.image.registry -}}
{{- if and (not $registry) (eq (include "nemotron-operator.repositoryNamesRegistry" .) "false") -}}
{{- $registry = .Values.global.imageRegistry | default .Values.image.defaultRegistry -}}
{{- end -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end -}}
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
