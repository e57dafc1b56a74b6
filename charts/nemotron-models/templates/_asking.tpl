{{- /* What the user calls the model: its name, or the repository of its source. */ -}}
{{- define "nemotron-models.model" -}}
{{- $source := .model.source | default dict -}}
{{- .model.name | default (get (get $source "huggingFace" | default dict) "repository") -}}
{{- end -}}

{{- /* The name by which clients ask for it; empty where only the operator's configuration knows. */ -}}
{{- define "nemotron-models.servedName" -}}
{{- first (.spec.model.servedNames | default list) | default .known.name | default (include "nemotron-models.model" .spec) -}}
{{- end -}}

{{- define "nemotron-models.port" -}}
{{- get (.service | default dict) "port" | default 8000 | int -}}
{{- end -}}

{{- /* Why it may be that nothing serves; empty where something does, once it is Ready. */ -}}
{{- define "nemotron-models.idle" -}}
{{- $autoscaling := .autoscaling | default dict -}}
{{- if .suspend -}}
It is suspended: nothing serves until spec.suspend is false.
{{- else if and (hasKey . "replicas") (not .replicas) -}}
It has no replicas: nothing serves until spec.replicas is 1 or more.
{{- else if and (hasKey $autoscaling "minReplicas") (not $autoscaling.minReplicas) -}}
It may stand at no replicas (spec.autoscaling.minReplicas is 0): it serves once its autoscaler sees that it is wanted.
{{- end -}}
{{- end -}}

{{- /*
Whether `helm test` can ask it; empty if not. A certificate of cert-manager's is in a Secret whose name holds the
resource's uid, which nobody knows before there is one.
*/ -}}
{{- define "nemotron-models.isAsked" -}}
{{- $spec := .spec -}}
{{- $serves := not (include "nemotron-models.idle" $spec) -}}
{{- $wants := ne (get ($spec.verification | default dict) "mode") "Never" -}}
{{- $isTrusted := not (get ($spec.tls | default dict) "certManager") -}}
{{- if and $serves $wants $isTrusted (include "nemotron-models.servedName" .) }}yes{{ end -}}
{{- end -}}

{{- /* The arguments of nemotron-verify: what the operator's own Job is told, as far as values say it. */ -}}
{{- define "nemotron-models.arguments" -}}
{{- $spec := .spec -}}
{{- $asking := .asking -}}
{{- $known := .known -}}
{{- $verification := $spec.verification | default dict -}}
{{- $engine := $spec.engine | default dict -}}
{{- $question := $known.question | default (dict "systemPrompt" "" "question" $asking.greeting "expect" "") -}}
{{- $prompt := $verification.prompt | default $question.question -}}
{{- $expect := ternary $question.expect "" (eq $prompt $question.question) -}}
{{- if hasKey $verification "expect" -}}
  {{- $expect = $verification.expect -}}
{{- end -}}
{{- $longest := int $asking.maxTokens -}}
{{- with get ($engine.sampling | default dict) "maxTokens" | default $known.maxTokens -}}
  {{- $longest = min $longest (int .) -}}
{{- end -}}
{{- if and $engine.maxModelLen (ne (toString $engine.maxModelLen) "auto") -}}
  {{- $longest = min $longest (div (int $engine.maxModelLen) 2) -}}
{{- end -}}
{{- $scheme := ternary "https" "http" (not (empty $spec.tls)) -}}
{{- $arguments := list
  (printf "--base-url=%s://%s.%s.svc:%s/v1" $scheme .name .namespace (include "nemotron-models.port" $spec))
  (printf "--model=%s" (include "nemotron-models.servedName" .))
  (printf "--system-prompt=%s" $question.systemPrompt)
  (printf "--prompt=%s" $prompt)
  (printf "--expect=%s" $expect)
  (printf "--max-tokens=%d" (int $longest))
  (printf "--answer-seconds=%d" (int $asking.answerSeconds))
  (printf "--retry-seconds=%d" (int $asking.retrySeconds)) -}}
{{- if $spec.tls -}}
  {{- $arguments = append $arguments "--trusted-certificates=/tls" -}}
{{- end -}}
{{- /* Kubernetes puts variables into arguments, the key too: two dollar signs are one, and no variable. */ -}}
{{- range $arguments }}
- {{ replace "$" "$$" . | toJson }}
{{- end -}}
{{- end -}}
