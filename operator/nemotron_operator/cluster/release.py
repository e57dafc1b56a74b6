"""Free the GPUs of what is not to serve, or cannot: applying a plan does so only once there is a model to serve."""

from nemotron_operator.api.v1alpha1 import Identity, ParsedDeployment
from nemotron_operator.cluster.cache import KubernetesObject, ObjectCache, component_of
from nemotron_operator.cluster.kinds import CLAIM, POD, SCALERS
from nemotron_operator.cluster.observation import is_older, list_mounted_claims
from nemotron_operator.cluster.observe import ClusterView
from nemotron_operator.cluster.ownership import find_foreign
from nemotron_operator.cluster.pods import observe_pods
from nemotron_operator.cluster.servers import find_server_of, list_servers
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.metadata import SERVER_COMPONENT, read_pod_template


def wants_no_replica(deployment: ParsedDeployment) -> bool:
    """Tell whether nothing is to serve, whatever else the spec says and whether it can be planned."""
    spec = deployment.spec
    return spec.suspend or (spec.autoscaling is None and spec.replicas == 0)


async def has_lost_volume(plan: ServingPlan, view: ClusterView) -> bool:
    """Tell whether the pods wait for a volume that was deleted under them, or start on the empty one after it.

    They would take GPUs for as long as the download lasts, and one that excludes all others from the new volume would
    keep the Job from filling it. Pods that serve are left alone: they need no volume any more. So are those on a volume
    of the user's, where an earlier revision may still be.
    """
    identity, cache = plan.identity, plan.cache
    server = find_server_of(identity, view.cache)
    is_filled_anew = cache.new_claim is not None and cache.model_path is None and cache.damage is None
    if server is None or cache.claim_name is None or not is_filled_anew:
        return False
    if cache.claim_name not in list_mounted_claims(read_pod_template(server)):
        return False
    is_serving = any(pod.ready for pod in observe_pods(_list_server_pods(identity, view.cache)))
    return not is_serving and is_older(server, await view.find(CLAIM, identity.namespace, cache.claim_name))


async def stop_scalers(identity: Identity, view: ClusterView) -> None:
    """Delete what would scale up again what is scaled to zero here, if it is ours."""
    for kind in SCALERS:
        live = view.cache.get(kind, identity.namespace, identity.name)
        if live is not None and "deletionTimestamp" not in live["metadata"] and find_foreign(live, identity) is None:
            await view.gateway.delete(kind, live)


async def release_gpus(identity: Identity, view: ClusterView) -> None:
    """Scale what serves to zero, if it is ours; a plan that is applied later scales it as it should be."""
    for kind, server in list_servers(view.cache, identity.namespace, identity.name):
        if "deletionTimestamp" in server["metadata"] or server["spec"].get("replicas") == 0:
            continue
        if find_foreign(server, identity) is None:
            view.cache.upsert(kind, await view.gateway.scale(kind, server, 0))


def _list_server_pods(identity: Identity, cache: ObjectCache) -> list[KubernetesObject]:
    pods = cache.list_children(POD, identity.namespace, identity.name)
    return [pod for pod in pods if component_of(pod) == SERVER_COMPONENT]
