{{- /*
Put every deployment that is enabled into the map `found`, by its name: labels, annotations, and the spec as it is with
the defaults below it. Whatever is wrong with them is said at once.
*/ -}}
{{- define "nemotron-models.collect" -}}
{{- $found := .found -}}
{{- $values := .root.Values -}}
{{- $rules := .root.Files.Get "files/rules.yaml" | fromYaml -}}
{{- $wrong := dict "lines" list -}}
{{- $own := include "nemotron-models.labels" .root | fromYaml -}}
{{- include "nemotron-models.checkLabels" (dict "place" "commonLabels" "labels" $values.commonLabels "own" $own "wrong" $wrong) -}}
{{- range $name, $given := $values.deployments -}}
  {{- if not (kindIs "invalid" $given) -}}
  {{- if ne (toString (get $given "enabled")) "false" -}}
    {{- $deployment := dict "labels" dict "annotations" dict "spec" dict -}}
    {{- include "nemotron-models.overlay" (dict "into" $deployment "over" (dict "labels" $values.commonLabels "annotations" $values.commonAnnotations "spec" (($values.defaults).spec | default dict))) -}}
    {{- range $part := list "labels" "annotations" "spec" -}}
      {{- include "nemotron-models.overlay" (dict "into" (get $deployment $part) "over" (get $given $part | default dict)) -}}
    {{- end -}}
    {{- include "nemotron-models.checkLabels" (dict "place" (printf "deployments.%s.labels" $name) "labels" (get $given "labels" | default dict) "own" $own "wrong" $wrong) -}}
    {{- include "nemotron-models.check" (dict "name" $name "spec" $deployment.spec "rules" $rules "wrong" $wrong) -}}
    {{- $_ := set $found $name $deployment -}}
  {{- end -}}
  {{- end -}}
{{- end -}}
{{- if $wrong.lines -}}
  {{- fail (printf "\n%s" (join "\n" $wrong.lines)) -}}
{{- end -}}
{{- end -}}

{{- define "nemotron-models.checkLabels" -}}
{{- $wrong := .wrong -}}
{{- range $label := keys .labels | sortAlpha -}}
  {{- if hasKey $.own $label -}}
    {{- $_ := set $wrong "lines" (append $wrong.lines (printf "%s sets %s, by which the chart itself tells its objects. Take it out; app.kubernetes.io/part-of and labels of your own are free." $.place $label)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "nemotron-models.check" -}}
{{- $name := .name -}}
{{- $spec := .spec -}}
{{- $wrong := .wrong -}}
{{- $place := printf "deployments.%s" $name -}}
{{- if or (gt (len $name) (int .rules.name.maxLength)) (not (regexMatch .rules.name.pattern $name)) -}}
  {{- $_ := set $wrong "lines" (append $wrong.lines (printf "%s: %q cannot be a name. It becomes the name of a Service: at most %d characters, lower case letters, digits and '-', starting with a letter." $place $name (int .rules.name.maxLength))) -}}
{{- end -}}
{{- $model := get $spec "model" | default dict -}}
{{- if not (or (get $model "name") (get $model "source")) -}}
  {{- $_ := set $wrong "lines" (append $wrong.lines (printf "%s.spec.model: set model.name, or model.source, or both." $place)) -}}
{{- end -}}
{{- $sources := keys (get $model "source" | default dict) | sortAlpha -}}
{{- if gt (len $sources) 1 -}}
  {{- $_ := set $wrong "lines" (append $wrong.lines (printf "%s.spec.model.source: %s are set, and there can be one. Take the others away by null, such as {%s: null}." $place (join " and " $sources) (first $sources))) -}}
{{- end -}}
{{- range $rule := .rules.required -}}
  {{- $part := $spec -}}
  {{- range $key := $rule.path -}}
    {{- if kindIs "map" $part -}}
      {{- $part = get $part $key -}}
    {{- end -}}
  {{- end -}}
  {{- if kindIs "map" $part -}}
    {{- range $key := $rule.keys -}}
      {{- if not (hasKey $part $key) -}}
        {{- $_ := set $wrong "lines" (append $wrong.lines (printf "%s.spec.%s.%s: is required, here or in defaults.spec." $place (join "." $rule.path) $key)) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
