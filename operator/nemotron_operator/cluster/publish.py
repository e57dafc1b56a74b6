"""The publish step: one status write, if it changed, and the events of what changed."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nemotron_operator.api.conditions import rfc3339
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.api.v1alpha1 import parse_status
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.kinds import NEMOTRON
from nemotron_operator.cluster.observe import ClusterView
from nemotron_operator.constants import FIELD_MANAGER
from nemotron_operator.errors import ClusterError
from nemotron_operator.status.transitions import Transition, list_transitions

MAX_NOTE_BYTES = 1024
"""Longest note of an event (events.k8s.io/v1)."""

_log = logging.getLogger(__name__)


async def publish(
    live: KubernetesObject, status: NemotronDeploymentStatus, view: ClusterView, now: datetime, reporter: str
) -> None:
    """Write the status if it differs from the one that stands, then post what changed.

    Parameters
    ----------
    live
        The resource as observed; its resourceVersion guards the write.
    reporter
        Name of this operator process, for the events.
    """
    patch = make_merge_patch(live.get("status") or {}, dump_status(status))
    if not patch:
        return
    view.cache.upsert(NEMOTRON, await view.gateway.patch_status(live, patch))
    for transition in list_transitions(parse_status(live), status):
        level = logging.WARNING if transition.type == "Warning" else logging.INFO
        _log.log(level, "%s: %s", transition.reason, " ".join(transition.message.split()))
        await _post(_render_event(live, transition, now, reporter), view)


async def _post(event: KubernetesObject, view: ClusterView) -> None:
    """Post an event; one that is lost is logged and no more: the status has said the same already."""
    try:
        await view.gateway.post_event(event)
    except ClusterError as error:
        _log.warning("Event %s of %s was not posted: %s", event["reason"], event["regarding"]["name"], error)


def dump_status(status: NemotronDeploymentStatus) -> dict[str, Any]:
    """Write a status as the API's JSON; what is absent is left out."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def make_merge_patch(live: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """Make the JSON merge patch (RFC 7386) that turns one object into the other; empty when they are equal."""
    patch: dict[str, Any] = {key: None for key in live if key not in desired}
    for key, value in desired.items():
        before = live.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            if inner := make_merge_patch(before, value):
                patch[key] = inner
        elif before != value:
            patch[key] = value
    return patch


def _render_event(live: KubernetesObject, transition: Transition, now: datetime, reporter: str) -> KubernetesObject:
    metadata = live["metadata"]
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name']}-", "namespace": metadata["namespace"]},
        "eventTime": rfc3339(now).replace("Z", ".000000Z"),
        "reportingController": FIELD_MANAGER,
        "reportingInstance": reporter,
        "action": "Reconcile",
        "type": transition.type,
        "reason": transition.reason,
        "note": transition.message.encode()[:MAX_NOTE_BYTES].decode(errors="ignore"),
        "regarding": {
            "apiVersion": NEMOTRON.api_version,
            "kind": NEMOTRON.name,
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
    }
