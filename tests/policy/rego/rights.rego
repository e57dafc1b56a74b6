# What nobody is allowed by anything that this project brings.
package policy

grants contains {"object": name_of(body), "rule": rule} if {
	some body in input.objects
	body.kind in {"ClusterRole", "Role"}
	some rule in object.get(body, "rules", [])
}

deny contains {"check": "secrets-are-not-read", "object": grant.object, "message": resource} if {
	some grant in grants
	some resource in grant.rule.resources
	resource in {"secrets", "*"}
}

deny contains {"check": "rights-are-named", "object": grant.object, "message": field} if {
	some grant in grants
	some field in ["apiGroups", "resources", "verbs"]
	"*" in object.get(grant.rule, field, [])
}

deny contains {"check": "rights-do-not-grow", "object": grant.object, "message": verb} if {
	some grant in grants
	some verb in grant.rule.verbs
	verb in {"bind", "escalate", "impersonate"}
}

deny contains {"check": "nobody-enters-a-pod", "object": grant.object, "message": resource} if {
	some grant in grants
	some resource in grant.rule.resources
	resource in {"pods/attach", "pods/exec", "pods/portforward", "pods/ephemeralcontainers", "nodes/proxy"}
}
