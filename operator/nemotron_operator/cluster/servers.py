"""What makes the pods that serve: a Deployment, or where a replica is a group of pods, a LeaderWorkerSet."""

from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.cluster.cache import KubernetesObject, ObjectCache
from nemotron_operator.cluster.kinds import DEPLOYMENT, LEADER_WORKER_SET, ApiKind
from nemotron_operator.plan.names import name_groups

SERVERS = (DEPLOYMENT, LEADER_WORKER_SET)
"""The kinds of it, of which a resource has one at a time. A scaler may decide about their number of replicas."""


def name_server(kind: ApiKind, deployment_name: str) -> str:
    """Name the object of one of the kinds."""
    return name_groups(deployment_name) if kind is LEADER_WORKER_SET else deployment_name


def list_servers(cache: ObjectCache, namespace: str, name: str) -> list[tuple[ApiKind, KubernetesObject]]:
    """List what is there of a resource: two while one of them is on its way out, which then comes last."""
    named = ((kind, cache.get(kind, namespace, name_server(kind, name))) for kind in SERVERS)
    found = [(kind, server) for kind, server in named if server is not None]
    return sorted(found, key=lambda each: "deletionTimestamp" in each[1]["metadata"])


def find_server(cache: ObjectCache, namespace: str, name: str) -> KubernetesObject | None:
    """Find what makes the pods of a resource; None where nothing does."""
    return next((server for _, server in list_servers(cache, namespace, name)), None)


def find_server_of(identity: Identity, cache: ObjectCache) -> KubernetesObject | None:
    """Find what makes the pods of a resource, by its identity."""
    return find_server(cache, identity.namespace, identity.name)


def list_server_names(cache: ObjectCache, identity: Identity, served: frozenset[ApiKind]) -> list[tuple[ApiKind, str]]:
    """List the kinds and names that a resource needs for it: what is there, else whatever it may come to."""
    there = [kind for kind, _ in list_servers(cache, identity.namespace, identity.name)]
    possible = there or [kind for kind in SERVERS if kind is DEPLOYMENT or kind in served]
    return [(kind, name_server(kind, identity.name)) for kind in possible]
