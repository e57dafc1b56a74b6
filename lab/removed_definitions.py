"""Definitions that are taken away from an API server, with all objects of their kinds."""

import json
import time
from collections.abc import Sequence
from typing import Any

from lab.control_plane import ControlPlane, KubectlError
from lab.errors import LabError

FINALIZER_SECONDS = 10
"""How long the API server may take to finalize a definition: it takes a second or some, unless it backs off."""

OBJECTS_SECONDS = 60
"""How long the objects of a kind may take to go: those that others finalize have to be waited for."""

GONE_SECONDS = 40
"""How long a definition that nothing holds any more may take to go."""

_POLL_SECONDS = 0.3

_NO_FINALIZER = '{"metadata":{"finalizers":null}}'


def delete_definitions(plane: ControlPlane, definitions: Sequence[str]) -> None:
    """Delete those of the definitions that are there, and wait until they are gone.

    Parameters
    ----------
    definitions
        As kubectl takes them, such as `crd/nemotrondeployments.nemotron.dev`.
    """
    plane.kubectl("delete", "--ignore-not-found", "--wait=false", *definitions)
    wait_until_gone(plane, definitions)


def wait_until_gone(plane: ControlPlane, definitions: Sequence[str]) -> None:
    """Wait until definitions that somebody deleted are gone.

    The API server deletes the objects of their kinds and takes its finalizer away then; but after a few conflicts it
    backs off for minutes. So this does both itself, with those that were deleted and with no others.
    """
    if not _wait(plane, definitions, FINALIZER_SECONDS):
        return
    for definition in _read(plane, definitions):
        if "deletionTimestamp" in definition["metadata"]:
            _finalize(plane, definition["metadata"]["name"])
    if remaining := _wait(plane, definitions, GONE_SECONDS):
        names = ", ".join(_describe(definition) for definition in remaining)
        raise LabError(f"The API server still has the definitions {names}.")


def _finalize(plane: ControlPlane, name: str) -> None:
    """Delete the objects of a kind, which would be there again with the next definition, and what holds its own."""
    try:
        plane.kubectl("delete", name, "--all", "--all-namespaces", f"--timeout={OBJECTS_SECONDS}s")
        plane.kubectl("patch", "crd", name, "--type=merge", "-p", _NO_FINALIZER)
    except KubectlError:
        if _read(plane, [f"crd/{name}"]):
            raise  # or else the API server was quicker


def _wait(plane: ControlPlane, definitions: Sequence[str], seconds: float) -> list[dict[str, Any]]:
    """Wait so long at most, and return what is left."""
    deadline = time.monotonic() + seconds
    while (remaining := _read(plane, definitions)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return remaining


def _read(plane: ControlPlane, definitions: Sequence[str]) -> list[dict[str, Any]]:
    """Read those of the definitions that are there."""
    text = plane.kubectl("get", "--ignore-not-found", *definitions, "-o", "json")
    listed = json.loads(text) if text.strip() else {"items": []}
    found: list[dict[str, Any]] = listed.get("items", [listed])
    return found


def _describe(definition: dict[str, Any]) -> str:
    metadata = definition["metadata"]
    return f"{metadata['name']} ({'' if 'deletionTimestamp' in metadata else 'not '}deleted)"
