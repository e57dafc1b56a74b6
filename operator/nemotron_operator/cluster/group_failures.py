"""Keep how often groups of pods were made anew, on the LeaderWorkerSet that makes them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.cluster.kinds import LEADER_WORKER_SET
from nemotron_operator.cluster.observe import ClusterView
from nemotron_operator.cluster.ownership import find_foreign
from nemotron_operator.cluster.pods import observe_departed_pods
from nemotron_operator.cluster.servers import list_servers
from nemotron_operator.constants import FIELD_MANAGER
from nemotron_operator.render.metadata import GROUP_FAILURES_ANNOTATION
from nemotron_operator.status.group_restarts import remember_failure
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_servers import GroupFailures

_FAILURES = TypeAdapter(GroupFailures)


async def remember_group_failures(
    identity: Identity, observation: Observation, view: ClusterView, now: datetime
) -> Observation:
    """Read what is kept, add what was just seen, and keep it where it changed: from then on nothing else knows."""
    key = (identity.namespace, identity.name)
    departed = view.departed.list_departed(key, view.cache)
    told = replace(observation, ending_pods=(*observation.ending_pods, *observe_departed_pods(departed)))
    remembered = await _remember(identity, told, view, now)
    view.departed.forget(key, departed)
    return remembered


async def _remember(identity: Identity, observation: Observation, view: ClusterView, now: datetime) -> Observation:
    servers = list_servers(view.cache, identity.namespace, identity.name)
    live = next((live for kind, live in servers if kind is LEADER_WORKER_SET), None)
    if live is None or observation.server is None or "deletionTimestamp" in live["metadata"]:
        return observation
    known = _read(live["metadata"].get("annotations") or {})
    seen = replace(observation, server=replace(observation.server, group_failures=known))
    wanted = remember_failure(seen, identity.namespace, now)
    if wanted == known or find_foreign(live, identity) is not None:
        return seen
    text = json.dumps(asdict(wanted), sort_keys=True) if wanted is not None else None
    patch = {"metadata": {"annotations": {GROUP_FAILURES_ANNOTATION: text}}}
    # Under a name of its own, so that no apply of the whole takes it away.
    manager = f"{FIELD_MANAGER}-failures"
    view.cache.upsert(LEADER_WORKER_SET, await view.gateway.change(LEADER_WORKER_SET, live, patch, manager))
    return replace(observation, server=replace(observation.server, group_failures=wanted))


def _read(annotations: Mapping[str, str]) -> GroupFailures | None:
    text = annotations.get(GROUP_FAILURES_ANNOTATION)
    try:
        return _FAILURES.validate_json(text, strict=True) if text else None
    except ValidationError:
        return None
