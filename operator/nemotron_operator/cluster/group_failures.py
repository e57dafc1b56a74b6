"""Keep how often groups of pods were made anew, on the LeaderWorkerSet that makes them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.kinds import LEADER_WORKER_SET
from nemotron_operator.cluster.observe import ClusterView
from nemotron_operator.cluster.ownership import find_foreign
from nemotron_operator.cluster.servers import list_servers
from nemotron_operator.constants import FIELD_MANAGER
from nemotron_operator.errors import ClusterError
from nemotron_operator.render.metadata import GROUP_FAILURES_ANNOTATION
from nemotron_operator.status.group_restarts import remember_failure
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_servers import GroupFailures

_FAILURES = TypeAdapter(GroupFailures)


async def remember_group_failures(
    identity: Identity, observation: Observation, view: ClusterView, now: datetime
) -> tuple[Observation, ClusterError | None]:
    """Read what is kept, add what was just seen, and keep it where it changed: from then on nothing else knows.

    Returns
    -------
    What was seen with what is remembered, and why that could not be kept; the status has to be told all the same.
    """
    key = (identity.namespace, identity.name)
    departed = view.departed.list_departed(key, view.cache)
    unkept = None
    servers = list_servers(view.cache, *key)
    live = next((live for kind, live in servers if kind is LEADER_WORKER_SET), None)
    if live is not None and observation.server is not None and "deletionTimestamp" not in live["metadata"]:
        made_at = live["metadata"].get("creationTimestamp", "")
        gone = [pod for pod in departed.values() if pod.created_at >= made_at]  # others are of groups before these
        known = _read(live["metadata"].get("annotations") or {})
        server = replace(observation.server, group_failures=known)
        observation = replace(observation, server=server, ending_pods=(*observation.ending_pods, *gone))
        wanted = remember_failure(observation, identity.namespace, now)
        if wanted != known and find_foreign(live, identity) is None:
            unkept = await _try_to_keep(wanted, live, view)
            observation = replace(observation, server=replace(server, group_failures=wanted))
    if unkept is None:
        view.departed.forget(key, departed)
    return observation, unkept


async def _try_to_keep(
    failures: GroupFailures | None, live: KubernetesObject, view: ClusterView
) -> ClusterError | None:
    """Write it on the LeaderWorkerSet; return why that is refused, as where its webhook does not answer."""
    text = json.dumps(asdict(failures), sort_keys=True) if failures is not None else None
    patch = {"metadata": {"annotations": {GROUP_FAILURES_ANNOTATION: text}}}
    # Under a name of its own, so that no apply of the whole takes it away.
    manager = f"{FIELD_MANAGER}-failures"
    try:
        view.cache.upsert(LEADER_WORKER_SET, await view.gateway.change(LEADER_WORKER_SET, live, patch, manager))
    except ClusterError as error:
        return error
    return None


def _read(annotations: Mapping[str, str]) -> GroupFailures | None:
    text = annotations.get(GROUP_FAILURES_ANNOTATION)
    try:
        return _FAILURES.validate_json(text, strict=True) if text else None
    except ValidationError:
        return None
