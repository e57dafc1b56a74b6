{{- /*
Lay one map over another, in place: `into` gets what `over` says. Maps are merged, lists replaced, and null takes a key
away. No map of `over` is shared afterwards, since one deployment would see what another lays over it.
*/ -}}
{{- define "nemotron-models.overlay" -}}
{{- $into := .into -}}
{{- range $key, $value := .over -}}
  {{- if kindIs "invalid" $value -}}
    {{- $_ := unset $into $key -}}
  {{- else if kindIs "map" $value -}}
    {{- if not (kindIs "map" (get $into $key)) -}}
      {{- $_ := set $into $key dict -}}
    {{- end -}}
    {{- include "nemotron-models.overlay" (dict "into" (get $into $key) "over" $value) -}}
  {{- else -}}
    {{- $_ := set $into $key $value -}}
  {{- end -}}
{{- end -}}
{{- end -}}
