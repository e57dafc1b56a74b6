{{- /* The least that the operator needs; a test compares it with what the cluster tier recorded. No Secrets, no ConfigMaps,
no exec, no RBAC. */ -}}

{{- /* In each namespace that it serves: the ClusterRole and the Roles cannot differ. */ -}}
{{- define "nemotron-operator.namespacedRules" -}}
# What users write. Only its status is written here.
- apiGroups: [nemotron.dev]
  resources: [nemotrondeployments]
  verbs: [list, watch]
- apiGroups: [nemotron.dev]
  resources: [nemotrondeployments/status]
  verbs: [patch]
# Owner references that block deletion need it where OwnerReferencesPermissionEnforcement is on.
- apiGroups: [nemotron.dev]
  resources: [nemotrondeployments/finalizers]
  verbs: [update]
# What is made of it. A Deployment is never deleted by the operator itself; a volume only where its last user says
# `cache.retention: Delete` and turned to another revision.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [serviceaccounts, services]
  verbs: [get, list, watch, create, patch]
# Deletion: where a replica is spread over several nodes from now on, a LeaderWorkerSet takes the Deployment's place.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
# What is kept of each revision of the pods: an upgrade of the operator changes none of them.
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [get, list, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# What scales, and who may connect.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
# What others bring to a cluster, where a resource asks for it: replicas over several nodes, KEDA, routes, certificates.
- apiGroups: [leaderworkerset.x-k8s.io]
  resources: [leaderworkersets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [inference.networking.k8s.io]
  resources: [inferencepools]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [cert-manager.io]
  resources: [certificates]
  verbs: [get, list, watch, create, patch, delete]
# Why a pod does not run.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{- /* What belongs to the cluster is only read, and the operator goes on without it. */ -}}
{{- define "nemotron-operator.clusterRules" -}}
# Whether a volume can be made and grow, before it is asked for. Without this rule nothing is known beforehand.
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [list]
# Which GPUs are free when a rollout begins. Without this rule replicas are replaced in place.
- apiGroups: [""]
  resources: [nodes]
  verbs: [list]
# In which zone a volume is that no node reaches.
- apiGroups: [""]
  resources: [persistentvolumes]
  verbs: [get]
{{- end -}}

{{- /* Releases that serve all namespaces exclude each other, and the first release's Lease is theirs: that name stays.
One that serves some namespaces must not wait for one that serves others. */ -}}
{{- define "nemotron-operator.leaseName" -}}
nemotron-operator{{ if .Values.watchNamespaces }}-{{ include "nemotron-operator.name" . }}{{ end }}
{{- end -}}

{{- /* In its own namespace: the election among its replicas. What does not exist yet has no name to grant. */ -}}
{{- define "nemotron-operator.electionRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "nemotron-operator.leaseName" . }}]
  verbs: [get, update]
{{- end -}}

{{- define "nemotron-operator.rbacMetadata" -}}
labels: {{- include "nemotron-operator.labels" . | nindent 2 }}
{{- with include "nemotron-operator.annotations" . }}
annotations: {{- . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "nemotron-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "nemotron-operator.serviceAccountName" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end -}}
