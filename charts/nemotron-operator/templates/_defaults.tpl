{{- /*
Put the chart's own defaults where a value is missing: Helm takes a default away for an empty key, and `--reuse-values`
brings the values of an older chart. Templates share .Values, in no order that is promised, so each of them begins with it.
*/ -}}
{{- define "nemotron-operator.complete" -}}
{{- $defaults := .Files.Get "files/defaults.yaml" | fromYaml -}}
{{- include "nemotron-operator.fill" (dict "values" .Values "defaults" $defaults.values "maps" $defaults.maps "path" "") -}}
{{- include "nemotron-operator.dropNulls" .Values.config -}}
{{- end -}}

{{- /* The operator would read null as a value. In lists it is one: a toleration without an effect. */ -}}
{{- define "nemotron-operator.dropNulls" -}}
{{- $map := . -}}
{{- range $key, $value := $map -}}
  {{- if kindIs "invalid" $value -}}
    {{- $_ := unset $map $key -}}
  {{- else if kindIs "map" $value -}}
    {{- include "nemotron-operator.dropNulls" $value -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- /* A map that is the user's own is emptied by null; any other value is its default again. */ -}}
{{- define "nemotron-operator.fill" -}}
{{- range $key, $default := .defaults -}}
  {{- $path := print $.path $key -}}
  {{- $isTheirs := has $path $.maps -}}
  {{- if or (not (hasKey $.values $key)) (kindIs "invalid" (get $.values $key)) -}}
    {{- $_ := set $.values $key (ternary dict $default $isTheirs) -}}
  {{- else if and (kindIs "map" $default) (not $isTheirs) -}}
    {{- include "nemotron-operator.fill" (dict "values" (get $.values $key) "defaults" $default "maps" $.maps "path" (print $path ".")) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
