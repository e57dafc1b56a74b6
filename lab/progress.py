"""What a person sees while a resource becomes Ready: each condition that changed, with the seconds since the start."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.control_plane import ControlPlane
from lab.errors import LabError

_POLL_SECONDS = 0.25

_WATCHED = ("Planned", "ModelCached", "Available", "Verified", "Ready")


Say = Callable[[float, str, str, str, str], None]
"""Takes seconds, condition, status, reason and message of each change."""


@dataclass
class Progress:
    """Follows one NemotronDeployment until it is Ready, or stalled, or the time is up."""

    plane: ControlPlane
    name: str
    say: Say
    _seen: dict[str, tuple[str, str]] = field(init=False, default_factory=dict)

    def follow(self, timeout_seconds: float) -> float:
        """Report changes until Ready; return the seconds that it took."""
        started = time.monotonic()
        while time.monotonic() - started < timeout_seconds:
            conditions = self._read_conditions()
            self._report(conditions, time.monotonic() - started)
            if conditions.get("Ready", {}).get("status") == "True":
                return time.monotonic() - started
            if stalled := conditions.get("Stalled"):
                raise LabError(f"{self.name} is stalled: {stalled['message']}")
            time.sleep(_POLL_SECONDS)
        raise LabError(f"{self.name} was not Ready within {timeout_seconds:.0f} s: `kubectl describe nemo {self.name}`")

    def _read_conditions(self) -> dict[str, Mapping[str, Any]]:
        resource = json.loads(self.plane.kubectl("get", "nemo", self.name, "-o", "json"))
        observed = resource.get("status", {})
        if observed.get("observedGeneration") != resource["metadata"]["generation"]:
            return {}  # what stands there speaks of an older spec
        return {condition["type"]: condition for condition in observed.get("conditions", [])}

    def _report(self, conditions: Mapping[str, Mapping[str, Any]], seconds: float) -> None:
        told: set[str] = set()
        for kind in _WATCHED:
            condition = conditions.get(kind)
            if condition is None or condition["reason"] == "Waiting":
                continue
            state = (condition["status"], condition["reason"])
            if self._seen.get(kind) != state:
                self._seen[kind] = state
                if condition["message"] in told:
                    continue  # Ready repeats the step that it waits for
                told.add(condition["message"])
                self.say(seconds, kind, condition["status"], condition["reason"], condition["message"])
