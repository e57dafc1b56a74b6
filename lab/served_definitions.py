"""When an API server serves the kinds of a definition that was just given to it."""

import json
import time
from collections.abc import Sequence

from lab.control_plane import ControlPlane
from lab.errors import LabError

SERVED_SECONDS = 60
"""How long an API server may take to serve a kind."""

_POLL_SECONDS = 0.1


def wait_until_served(plane: ControlPlane, definitions: Sequence[str]) -> None:
    """Wait as `kubectl wait --for=condition=Established` would, which fails on a definition that has no condition yet.

    Parameters
    ----------
    definitions
        As kubectl takes them, such as `crd/nemotrondeployments.nemotron.dev`.
    """
    deadline = time.monotonic() + SERVED_SECONDS
    while True:
        listed = json.loads(plane.kubectl("get", *definitions, "-o", "json"))
        conditions = [(each.get("status") or {}).get("conditions") or [] for each in listed.get("items", [listed])]
        if all(any(one["type"] == "Established" and one["status"] == "True" for one in each) for each in conditions):
            return
        if time.monotonic() > deadline:
            raise LabError(f"The API server does not serve {', '.join(definitions)} after {SERVED_SECONDS} s.")
        time.sleep(_POLL_SECONDS)
