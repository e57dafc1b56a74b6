# What every object must be.
package policy

deny contains {"check": "no-secret-is-rendered", "object": name_of(body), "message": "it would be in Git, and in the release"} if {
	some body in input.objects
	body.kind == "Secret"
}

deny contains {"check": "services-stay-in-the-cluster", "object": name_of(body), "message": body.spec.type} if {
	some body in input.objects
	body.kind == "Service"
	not object.get(body.spec, "type", "ClusterIP") == "ClusterIP"
}

# What the operator makes of a model says so, is in its namespace, and dies with it, but for the weights.
deny contains {"check": "what-is-made-is-labelled", "object": name_of(body), "message": "app.kubernetes.io/managed-by"} if {
	startswith(input.origin, "operator:")
	some body in input.objects
	not body.metadata.labels["app.kubernetes.io/managed-by"] == "nemotron-operator"
}

deny contains {"check": "what-is-made-is-owned", "object": name_of(body), "message": "it has no controller"} if {
	startswith(input.origin, "operator:")
	some body in input.objects
	body.kind != "PersistentVolumeClaim"
	not any_controller(body)
}

any_controller(body) if {
	some owner in body.metadata.ownerReferences
	owner.controller
}

deny contains {"check": "what-is-made-has-a-namespace", "object": name_of(body), "message": "metadata.namespace"} if {
	startswith(input.origin, "operator:")
	some body in input.objects
	not body.metadata.namespace
}
