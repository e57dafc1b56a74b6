{{- /* A list in CEL, which takes JSON; a trailing slash would ask for two. */ -}}
{{- define "nemotron-operator.allowedRegistries" -}}
{{- $registries := list -}}
{{- range .Values.policies.allowedRegistries -}}
{{- $registries = append $registries (trimSuffix "/" .) -}}
{{- end -}}
{{ toJson $registries }}
{{- end -}}

{{- /* What counts as a GPU: the accelerators' own resource names, as the configuration overlays them. */ -}}
{{- define "nemotron-operator.gpuResources" -}}
{{- $names := list "nvidia.com/gpu" -}}
{{- range $_, $accelerator := .Values.config.accelerators | default dict -}}
{{- with $accelerator.resourceName -}}
{{- $names = append $names . -}}
{{- end -}}
{{- end -}}
{{ $names | uniq | sortAlpha | toJson }}
{{- end -}}

{{- /* References to Secrets that the definition allows: 64 variables, 32 adapters, 8 for images, and 4 others. */ -}}
{{- define "nemotron-operator.mostSecrets" -}}
108
{{- end -}}

{{- /* Questions to the authorizer that the API server's budget for one request pays for, with room for the rest. */ -}}
{{- define "nemotron-operator.mostSecretQuestions" -}}
16
{{- end -}}

{{- /* The public hub, as the client of the downloads has it. */ -}}
{{- define "nemotron-operator.publicHub" -}}
https://huggingface.co
{{- end -}}

{{- /* What the operator takes where a resource names nothing may be named too. */ -}}
{{- define "nemotron-operator.allowedEndpoints" -}}
{{- $default := .Values.config.hubEndpoint | default (include "nemotron-operator.publicHub" .) -}}
{{ append .Values.policies.allowedEndpoints $default | uniq | toJson }}
{{- end -}}

{{- /* As they may be written: with a trailing slash and without. */ -}}
{{- define "nemotron-operator.writtenEndpoints" -}}
{{- $endpoints := list -}}
{{- range include "nemotron-operator.allowedEndpoints" . | fromJsonArray -}}
{{- $endpoint := trimSuffix "/" . -}}
{{- $endpoints = append (append $endpoints $endpoint) (print $endpoint "/") -}}
{{- end -}}
{{ toJson $endpoints }}
{{- end -}}

{{- /* CEL: the GPUs of all pods of one replica of a Deployment or LeaderWorkerSet, which is the first of the list. */ -}}
{{- define "nemotron-operator.gpusPerReplica" -}}
{{- $object := index . 0 -}}
{{- $resources := include "nemotron-operator.gpuResources" (index . 1) -}}
{{- $group := printf "%s.spec.leaderWorkerTemplate" $object -}}
has({{ $group }}) ?
{{ include "nemotron-operator.gpusOfPod" (list (print $group ".leaderTemplate") $resources) }} + ({{ $group }}.size - 1) *
{{ include "nemotron-operator.gpusOfPod" (list (print $group ".workerTemplate") $resources) }} :
{{ include "nemotron-operator.gpusOfPod" (list (print $object ".spec.template") $resources) }}
{{- end -}}

{{- define "nemotron-operator.gpusOfPod" -}}
{{ index . 0 }}.spec.containers.map(c, {{ index . 1 }}.map(gpu,
quantity(string(c.?resources.?limits[?gpu].orValue('0'))).asInteger()).sum()).sum()
{{- end -}}

{{- /* What the notes serve first: a model of an organisation that the platform's own rules allow. */ -}}
{{- define "nemotron-operator.exampleModel" -}}
{{- $organizations := list -}}
{{- if .Values.policies.enabled -}}
{{- $organizations = .Values.policies.allowedModelOrganizations -}}
{{- end -}}
{{- $known := $organizations | toJson | lower | fromJsonArray -}}
{{- if or (not $known) (has "mysticbeing" $known) -}}
name: nemotron-70b
model: mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC
licence: Llama 3.1 Community License (https://www.llama.com/llama3_1/license/)
{{- else if has "nvidia" $known -}}
name: nemotron-nano
model: nvidia/NVIDIA-Nemotron-Nano-9B-v2
licence: NVIDIA Open Model License (https://www.nvidia.com/en-us/agreements/enterprise-software/nvidia-open-model-license/)
{{- else -}}
name: nemotron
model: {{ first $organizations }}/MODEL
{{- end -}}
{{- end -}}
