# What every pod must be, whoever makes it.
package policy

pod_templates contains {"object": name_of(body), "kind": body.kind, "spec": body.spec} if {
	some body in input.objects
	body.kind == "Pod"
}

pod_templates contains {"object": name_of(body), "kind": body.kind, "spec": body.spec.template.spec} if {
	some body in input.objects
	body.kind in {"DaemonSet", "Deployment", "Job", "StatefulSet"}
}

pod_templates contains {"object": name_of(body), "kind": body.kind, "spec": template.spec} if {
	some body in input.objects
	body.kind == "LeaderWorkerSet"
	some part in ["leaderTemplate", "workerTemplate"]
	template := body.spec.leaderWorkerTemplate[part]
}

containers contains {"pod": pod, "spec": spec, "is_main": is_main} if {
	some pod in pod_templates
	some [field, is_main] in [["containers", true], ["initContainers", false]]
	some spec in object.get(pod.spec, field, [])
}

name_of(body) := sprintf("%s/%s", [body.kind, body.metadata.name])

in_container(container, check, message) := {
	"check": check,
	"object": container.pod.object,
	"message": sprintf("%s: %s", [container.spec.name, message]),
}

in_pod(pod, check, message) := {"check": check, "object": pod.object, "message": message}

deny contains in_container(container, "image-is-named-exactly", container.spec.image) if {
	some container in containers
	not regex.match(`(:[^/:@]+|@sha256:[0-9a-f]{64})$`, container.spec.image)
}

deny contains in_container(container, "image-is-named-exactly", container.spec.image) if {
	some container in containers
	regex.match(`:latest(@|$)`, container.spec.image)
}

deny contains in_container(container, "requests-are-set", resource) if {
	some container in containers
	some resource in ["cpu", "memory"]
	not container.spec.resources.requests[resource]
}

deny contains in_container(container, "gpus-are-requested-as-limited", "nvidia.com/gpu") if {
	some container in containers
	resources := object.get(container.spec, "resources", {})
	limit := object.get(resources, ["limits", "nvidia.com/gpu"], 0)
	request := object.get(resources, ["requests", "nvidia.com/gpu"], 0)
	limit != request
}

deny contains in_container(container, "privileges-are-dropped", "allowPrivilegeEscalation is not false") if {
	some container in containers
	not container.spec.securityContext.allowPrivilegeEscalation == false
}

deny contains in_container(container, "privileges-are-dropped", "capabilities are not dropped") if {
	some container in containers
	not "ALL" in object.get(container.spec, ["securityContext", "capabilities", "drop"], [])
}

deny contains in_container(container, "privileges-are-dropped", "privileged") if {
	some container in containers
	container.spec.securityContext.privileged
}

deny contains in_container(container, "root-filesystem-is-read-only", "it is writable") if {
	some container in containers
	not container.spec.securityContext.readOnlyRootFilesystem
}

# A Job ends by itself; what runs on is asked whether it can, and whether it still does.
deny contains in_container(container, "probes-are-set", probe) if {
	some container in containers
	container.is_main
	container.pod.kind in {"DaemonSet", "Deployment", "StatefulSet"}
	some probe in ["startupProbe", "readinessProbe", "livenessProbe"]
	not container.spec[probe]
}

deny contains in_pod(pod, "nobody-is-root", "runAsNonRoot is not true") if {
	some pod in pod_templates
	not pod.spec.securityContext.runAsNonRoot
}

deny contains in_pod(pod, "system-calls-are-filtered", "seccompProfile is not RuntimeDefault") if {
	some pod in pod_templates
	not pod.spec.securityContext.seccompProfile.type == "RuntimeDefault"
}

deny contains in_pod(pod, "the-host-is-out-of-reach", field) if {
	some pod in pod_templates
	some field in ["hostIPC", "hostNetwork", "hostPID"]
	pod.spec[field]
}

deny contains in_pod(pod, "the-host-is-out-of-reach", sprintf("volume %s", [volume.name])) if {
	some pod in pod_templates
	some volume in pod.spec.volumes
	volume.hostPath
}

# Only the operator itself speaks with the API server.
deny contains in_pod(pod, "no-token-is-mounted", "automountServiceAccountToken is not false") if {
	some pod in pod_templates
	not pod.spec.automountServiceAccountToken == false
}
