"""Which permissions the operator used: out of the requests that an API server recorded."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.kwokctl_settings import audit_logs

NAMED_RESOURCES = frozenset({"leases"})
"""Resources that are granted by name, so that the name of the object counts."""


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """One thing that may be done, as a rule of a Role grants it."""

    group: str
    """Empty for the core group."""
    resource: str
    """With its subresource: `pods/exec`."""
    verb: str
    name: str = ""
    """Of the only object that is meant; empty for all."""


def read_used_permissions(directory: Path) -> frozenset[Permission]:
    """Read which permissions the requests of all operators of a cluster took; refused requests took none."""
    return frozenset(read_permission(event) for event in _read_events(directory) if _was_allowed(event))


def read_refused_permissions(directory: Path, account: str) -> frozenset[Permission]:
    """Read what a ServiceAccount of the operator's namespace asked for and was not allowed."""
    return frozenset(
        read_permission(event)
        for event in _read_events(directory)
        if not _was_allowed(event) and event["user"]["username"].rpartition(":")[2] == account
    )


def read_permission(event: dict[str, Any]) -> Permission:
    """Read what one recorded request was allowed to do."""
    target = event["objectRef"]
    resource, verb = target["resource"], event["verb"]
    is_named = resource in NAMED_RESOURCES and verb != "create"
    return Permission(
        group=target.get("apiGroup", ""),
        resource="/".join(part for part in (resource, target.get("subresource")) if part),
        verb=verb,
        name=target["name"] if is_named else "",
    )


def _read_events(directory: Path) -> Iterator[dict[str, Any]]:
    for log in audit_logs(directory):
        with log.open() as lines:
            yield from map(json.loads, lines)


def _was_allowed(event: dict[str, Any]) -> bool:
    decision: str = event.get("annotations", {}).get("authorization.k8s.io/decision", "")
    return decision == "allow"
