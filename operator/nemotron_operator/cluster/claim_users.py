"""Who shares a volume: asked only where the volume may go with its last user."""

from nemotron_operator.api.v1alpha1 import Identity, ParsedDeployment, parse_deployment
from nemotron_operator.catalog.catalog import Catalog
from nemotron_operator.cluster.cache import Key, KubernetesObject, ObjectCache, key_of
from nemotron_operator.cluster.kinds import CLAIM, ENDED_PHASES, NEMOTRON, POD
from nemotron_operator.cluster.observation import list_mounted_claims
from nemotron_operator.cluster.servers import find_server
from nemotron_operator.plan.facts import ClaimUser
from nemotron_operator.plan.source import choose_claim_name
from nemotron_operator.render.manifests import Manifests
from nemotron_operator.render.metadata import RETENTION_ANNOTATION, read_pod_template

DELETE = "Delete"
"""The retention of a volume that goes with its last user."""


def find_claim_users(
    deployment: ParsedDeployment, claim_name: str | None, catalog: Catalog, cache: ObjectCache
) -> tuple[ClaimUser, ...]:
    """Find the resources of the namespace that name the same volume, by name; none where this one retains it.

    Notes
    -----
    A namespace may hold hundreds of resources. The claim's name stands in the status of those that were planned once,
    so that only those are parsed whose status is behind their spec. One that turned to another volume counts until its
    Deployment has turned too: its pods serve from the old one while the new one is filled.
    """
    if claim_name is None or deployment.spec.cache.retention != DELETE:
        return ()
    bodies = [
        body
        for namespace, name in cache.list_deployment_keys(deployment.identity.namespace)
        if (body := cache.get(NEMOTRON, namespace, name)) is not None and "deletionTimestamp" not in body["metadata"]
    ]
    users = (_read_user(body) for body in bodies if _uses(body, claim_name, catalog, cache))
    return tuple(sorted(users, key=lambda user: user.name))


def list_claim_users(claim: KubernetesObject, cache: ObjectCache) -> set[Key]:
    """List the resources that a volume concerns: those that name it, and those whose status is behind their spec."""
    name, namespace = claim["metadata"]["name"], claim["metadata"]["namespace"]
    return {
        key
        for key in cache.list_deployment_keys(namespace)
        if (body := cache.get(NEMOTRON, *key)) is not None
        and (_told_claim_name(body) in {None, name} or _is_behind(body))
    }


def list_bereaved(deleted: KubernetesObject, cache: ObjectCache) -> set[Key]:
    """List the resources that have to look again at the volume that a deleted one shared with them."""
    claim_name, namespace = _told_claim_name(deleted), deleted["metadata"]["namespace"]
    if claim_name is None:
        return set()
    return {
        key
        for key in cache.list_deployment_keys(namespace)
        if (body := cache.get(NEMOTRON, *key)) is not None
        and _told_claim_name(body) == claim_name
        and _retention_of(body) == DELETE
    }


def list_forsaken_claims(manifests: Manifests, identity: Identity, cache: ObjectCache) -> list[KubernetesObject]:
    """List the volumes that this resource alone owned, names no more, and that no pod of its uses or will use.

    Only where its present volume goes with its last user too: one that turned to `Retain` retains what it had.
    """
    wanted = manifests.claim
    if wanted is None or RETENTION_ANNOTATION not in wanted["metadata"]["annotations"]:
        return []
    pods = cache.list_children(POD, identity.namespace, identity.name)
    living = [pod for pod in pods if (pod.get("status") or {}).get("phase") not in ENDED_PHASES]
    mounted = _list_templates_claims(identity.namespace, identity.name, cache).union(*map(list_mounted_claims, living))
    return [
        claim
        for claim in cache.list_namespace(CLAIM, identity.namespace)
        if _owners_of(claim) == [identity.uid]
        and RETENTION_ANNOTATION in (claim["metadata"].get("annotations") or {})
        and claim["metadata"]["name"] not in {wanted["metadata"]["name"], *mounted}
        and "deletionTimestamp" not in claim["metadata"]
    ]


def _owners_of(claim: KubernetesObject) -> list[str]:
    return [owner["uid"] for owner in claim["metadata"].get("ownerReferences") or []]


def _uses(body: KubernetesObject, claim_name: str, catalog: Catalog, cache: ObjectCache) -> bool:
    told = _told_claim_name(body)
    if told == claim_name or claim_name in _list_templates_claims(*key_of(body), cache):
        return True
    if told is not None and not _is_behind(body):
        return False
    parsed = parse_deployment(body)
    return isinstance(parsed, ParsedDeployment) and choose_claim_name(parsed.spec, catalog) == claim_name


def _list_templates_claims(namespace: str, name: str, cache: ObjectCache) -> set[str]:
    """List the volumes that the next pod of a resource would mount, whether or not one is there now."""
    server = find_server(cache, namespace, name)
    return list_mounted_claims(read_pod_template(server)) if server else set()


def _is_behind(body: KubernetesObject) -> bool:
    observed: int | None = (body.get("status") or {}).get("observedGeneration")
    return observed != int(body["metadata"].get("generation") or 0)


def _told_claim_name(body: KubernetesObject) -> str | None:
    name: str | None = ((body.get("status") or {}).get("cache") or {}).get("claimName")
    return name


def _read_user(body: KubernetesObject) -> ClaimUser:
    return ClaimUser(body["metadata"]["name"], body["metadata"]["uid"], _retention_of(body))


def _retention_of(body: KubernetesObject) -> str:
    retention: str = ((body.get("spec") or {}).get("cache") or {}).get("retention") or "Retain"
    return retention
