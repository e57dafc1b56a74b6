"""What makes the pods that serve: a Deployment, or where a replica is a group of pods, a LeaderWorkerSet."""

from collections.abc import Iterable

from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.cluster.cache import KubernetesObject, ObjectCache
from nemotron_operator.cluster.kinds import DEPLOYMENT, LEADER_WORKER_SET, SERVICE, ApiKind
from nemotron_operator.cluster.observation import find_condition
from nemotron_operator.plan.facts import LiveTls
from nemotron_operator.plan.names import name_groups
from nemotron_operator.render.metadata import read_pod_template, read_worker_template
from nemotron_operator.render.network import read_server_port
from nemotron_operator.render.tls import read_certificate_secret

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


def list_server_names(cache: ObjectCache, identity: Identity, asked: frozenset[ApiKind]) -> list[tuple[ApiKind, str]]:
    """List the kinds and names that a resource needs for it: what is there, and what takes its place.

    Whether groups of pods are needed is known later, so their names are told apart.

    Parameters
    ----------
    asked
        The optional kinds that the spec may need, and that the API server knows.
    """
    there = [kind for kind, _ in list_servers(cache, identity.namespace, identity.name)]
    stays = LEADER_WORKER_SET in there and LEADER_WORKER_SET in asked
    needed = there if stays or DEPLOYMENT in there else [DEPLOYMENT, *there]
    return [(kind, name_server(kind, identity.name)) for kind in needed]


def list_group_names(cache: ObjectCache, identity: Identity, asked: frozenset[ApiKind]) -> list[tuple[ApiKind, str]]:
    """List the kinds and names that a resource needs for its first group of pods, if it comes to that.

    The Service is made by LeaderWorkerSet, which takes one of that name for its own, whoever made it.
    """
    name = name_groups(identity.name)
    if LEADER_WORKER_SET not in asked or cache.get(LEADER_WORKER_SET, identity.namespace, name) is not None:
        return []
    return [(LEADER_WORKER_SET, name), (SERVICE, name)]


def is_made_for_groups(live: KubernetesObject, name: str) -> bool:
    """Tell whether an object was made by LeaderWorkerSet for the groups of a resource."""
    controllers = [owner for owner in live["metadata"].get("ownerReferences") or [] if owner.get("controller")]
    return any(
        owner.get("kind") == LEADER_WORKER_SET.name and owner["name"] == name_groups(name) for owner in controllers
    )


def has_live_groups(server: KubernetesObject | None) -> bool | None:
    """Tell whether what serves is made of groups of pods; None where nothing serves, or will not for long."""
    if server is None or "deletionTimestamp" in server["metadata"]:
        return None
    return read_worker_template(server) is not None


def read_live_tls(server: KubernetesObject | None) -> LiveTls | None:
    """Read how the pods of what serves are spoken with; None where nothing does."""
    return None if server is None else LiveTls(read_certificate_secret(read_pod_template(server)))


def read_live_port(server: KubernetesObject | None) -> int | None:
    """Read on which port the pods of what serves do; None where nothing does."""
    return None if server is None else read_server_port(read_pod_template(server))


def read_ready_ports(pods: Iterable[KubernetesObject]) -> tuple[int, ...]:
    """Read on which ports those of some pods serve that are ready and stay, each port once."""
    staying = (pod for pod in pods if "deletionTimestamp" not in pod["metadata"])
    ready = (pod for pod in staying if find_condition(pod.get("status") or {}, "Ready").get("status") == "True")
    return tuple(sorted({port for port in map(read_server_port, ready) if port is not None}))
