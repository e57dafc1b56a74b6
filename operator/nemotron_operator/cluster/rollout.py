"""Observe what decides about a rollout, and keep what became of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from nemotron_operator import __version__
from nemotron_operator.api.conditions import rfc3339
from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.cluster.cache import component_of
from nemotron_operator.cluster.kept_weights import find_without_weights
from nemotron_operator.cluster.kinds import CONTROLLER_REVISION, NEMOTRON, POD
from nemotron_operator.cluster.observe import ClusterView
from nemotron_operator.cluster.ownership import find_foreign
from nemotron_operator.cluster.revisions import read_live_server, read_pinned_revision, read_records, read_restart
from nemotron_operator.cluster.servers import find_server_of
from nemotron_operator.constants import COMPONENT_LABEL, DEPLOYMENT_LABEL
from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.plan.rollout import FailedRevision, RevisionRecord, RolloutPlan
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.metadata import (
    FAILED_ANNOTATION,
    REVISION_COMPONENT,
    SERVED_ANNOTATION,
    SERVER_COMPONENT,
    WORKER_COMPONENT,
    format_selector,
    hash_manifest,
    name_record,
)
from nemotron_operator.render.pod_revision import name_revision
from nemotron_operator.render.server_pod import PodTemplate, render_server_pod, render_worker_pod
from nemotron_operator.rollout.facts import LiveServer, RolloutFacts
from nemotron_operator.rollout.revision import choose_revision
from nemotron_operator.rollout.strategy import needs_room, plan_rollout
from nemotron_operator.status.judgement import Decision
from nemotron_operator.status.observation import Observation


async def settle_rollout(plan: ServingPlan, spec: Mapping[str, Any], view: ClusterView) -> RolloutPlan | None:
    """Observe and decide which pods shall serve, and how they replace those that do; None before all files are there.

    Parameters
    ----------
    spec
        The resource's spec as its user wrote it.
    """
    if not plan.has_all_files:
        return None
    rendered, workers = render_server_pod(plan), render_worker_pod(plan)
    facts = await _observe(plan, rendered, view)
    chosen = choose_revision(plan, rendered, spec, __version__, facts, workers=workers)
    nodes = await list_gpu_nodes(plan, view) if needs_room(plan, chosen, facts.live) else None
    return plan_rollout(plan, chosen, facts.live, nodes)


async def list_gpu_nodes(plan: ServingPlan, view: ClusterView) -> list[NodeGpus] | None:
    """List the nodes on which a replica of this plan may run, with their free GPUs; None where nobody may know."""
    return await view.platform.list_gpu_nodes(view.gateway, plan.pod)


async def look_for_gpus(decision: Decision, observation: Observation, view: ClusterView) -> Observation:
    """Add which nodes have GPUs free, where a pod waits for some."""
    if not isinstance(decision, ServingPlan):
        return observation
    waiting = (*observation.server_pods, *observation.worker_pods)
    if not any(decision.pod.gpu_resource in pod.unschedulable for pod in waiting):
        return observation
    nodes = await list_gpu_nodes(decision, view)
    return observation if nodes is None else replace(observation, gpu_nodes=tuple(nodes))


async def record_failure(identity: Identity, base_revision: str, failed: FailedRevision, view: ClusterView) -> bool:
    """Keep that a rollout failed; tell whether it is kept: the revision before it is applied again from now on."""
    return await _annotate(
        identity, base_revision, {FAILED_ANNOTATION: json.dumps(asdict(failed), sort_keys=True)}, view
    )


async def record_success(identity: Identity, base_revision: str, now: datetime, view: ClusterView) -> None:
    """Keep that all replicas of a revision served: a rollout that fails later can come back to it.

    That it failed before does not count any more.
    """
    await _annotate(identity, base_revision, {SERVED_ANNOTATION: rfc3339(now), FAILED_ANNOTATION: None}, view)


async def forget_revisions(identity: Identity, rollout: RolloutPlan | None, view: ClusterView) -> None:
    """Delete what is kept of revisions that are too old."""
    for base_revision in rollout.forgotten if rollout else ():
        live = await view.gateway.get(
            CONTROLLER_REVISION, identity.namespace, name_record(identity.name, base_revision)
        )
        if live is not None and find_foreign(live, identity) is None:
            await view.gateway.delete(CONTROLLER_REVISION, live)


async def _annotate(
    identity: Identity, base_revision: str, annotations: Mapping[str, str | None], view: ClusterView
) -> bool:
    """Write on what is kept of a revision; False where it is not kept, or not ours."""
    name = name_record(identity.name, base_revision)
    live = await view.gateway.get(CONTROLLER_REVISION, identity.namespace, name)
    if live is None or find_foreign(live, identity) is not None:
        return False
    known = live["metadata"].get("annotations") or {}
    if any(known.get(key) != value for key, value in annotations.items()):
        await view.gateway.annotate(CONTROLLER_REVISION, live, annotations)
    return True


async def _observe(plan: ServingPlan, rendered: PodTemplate, view: ClusterView) -> RolloutFacts:
    identity = plan.identity
    body = view.cache.get(NEMOTRON, identity.namespace, identity.name)
    server = find_server_of(identity, view.cache)
    pods = view.cache.list_children(POD, identity.namespace, identity.name)
    serving = [pod for pod in pods if component_of(pod) == SERVER_COMPONENT]
    workers = [pod for pod in pods if component_of(pod) == WORKER_COMPONENT]
    enough = plan.scaling.least_replicas if plan.scaling else None
    facts = RolloutFacts(
        live=read_live_server(server, serving, plan.pod.gpu_resource, enough, workers=workers) if server else None,
        pinned=read_pinned_revision(body),
        restarted_at=read_restart(body),
    )
    if facts.live is not None and _is_up_to_date(plan, rendered, facts, facts.live):
        return facts
    records = await _list_records(identity, view)
    served = [record for record in records if record.has_served]
    without = await find_without_weights(identity.namespace, served, view)
    return replace(facts, records=records, without_weights=without)


def _is_up_to_date(plan: ServingPlan, rendered: PodTemplate, facts: RolloutFacts, live: LiveServer) -> bool:
    """Tell whether all pods are there as they are rendered now, so that nobody has to look at what is kept."""
    base_revision = hash_manifest(rendered)
    is_same = live.base_revision == base_revision and live.inputs == plan.inputs
    is_current = live.revision == name_revision(base_revision, facts.restarted_at)
    return live.is_settled and is_same and is_current and facts.pinned in {None, base_revision}


async def _list_records(identity: Identity, view: ClusterView) -> tuple[RevisionRecord, ...]:
    selector = format_selector({DEPLOYMENT_LABEL: identity.name, COMPONENT_LABEL: REVISION_COMPONENT})
    listed, _ = await view.gateway.list_all(CONTROLLER_REVISION, identity.namespace, selector)
    return read_records(identity, listed)
