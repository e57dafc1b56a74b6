"""What the cluster tier needs to speak with: a namespace of its own, patience, and the operator's own counters."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from lab.control_plane import ControlPlane, KubectlError
from lab.operator_process import start_operator
from lab.processes import Component
from nemotron_operator.render.metadata import INTENT_ANNOTATION

FP8 = "mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC"
BF16 = "nvidia/Llama-3.1-Nemotron-70B-Instruct-HF"

OPERATOR_CONFIG = Path(__file__).with_name("operator.yaml")
"""The configuration of the tests' operator: the shipped one, with images with weights and KEDA allowed beside it."""

QUICKLY = {"lab.nemotron.dev/fetch-seconds": "0.5", "lab.nemotron.dev/load-seconds": "1"}
"""How long the simulated download and start take, by annotations of the pods."""

PATIENCE_SECONDS = 40.0
"""How long a test waits for what takes seconds on a quiet machine; a busy one is slower."""

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
"""Which of the processes that share the tests this is; empty when there is one."""

T = TypeVar("T")

Body = dict[str, Any]


def name_cluster(name: str) -> str:
    """Name a cluster that no other process of this run has."""
    return f"{name}-{WORKER}" if WORKER else name


def wait_until(what: str, look: Callable[[], T | None], seconds: float = PATIENCE_SECONDS) -> T:
    """Look again and again until there is something true to see, and return it.

    The longer it takes, the more rarely it looks: each look is a kubectl of its own, and a test that asks ten times a
    second takes a core from the engine for which it waits.
    """
    started = time.monotonic()
    while True:
        seen = look()
        if seen:
            return seen
        waited = time.monotonic() - started
        if waited > seconds:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; last seen: {seen!r}")
        time.sleep(min(1.0, 0.1 + waited / 20))


def a_resource(name: str = "nemotron", model: str = FP8, **spec: object) -> Body:
    """Make a NemotronDeployment that simulated kubelets start quickly; keyword arguments are fields of its spec.

    Nobody answers on a simulated node, so the model is asked nothing unless a test says how it would answer.
    """
    template = cast("Body", spec.pop("podTemplate", {}))
    annotations = {**QUICKLY, **template.get("annotations", {})}
    spec["podTemplate"] = {**template, "annotations": annotations}
    spec.setdefault("verification", {"mode": "Never"})
    return {
        "apiVersion": "nemotron.dev/v1alpha1",
        "kind": "NemotronDeployment",
        "metadata": {"name": name},
        "spec": {"model": {"name": model}, **spec},
    }


@dataclass(frozen=True)
class Namespace:
    """One namespace of the real API server, as a user with kubectl sees it."""

    plane: ControlPlane
    name: str

    def kubectl(self, *args: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess.run calls it
        """Run kubectl in this namespace."""
        return self.plane.kubectl("-n", self.name, *args, input=input)

    def nemoctl(self, *args: str) -> str:
        """Run nemoctl as the administrator, and return all that it said; fail if it does not end well."""
        command = [str(Path(sys.executable).with_name("nemoctl")), *args]
        environment = {**os.environ, "KUBECONFIG": str(self.plane.kubeconfig), "COLUMNS": "200"}
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        said = answer.stdout + answer.stderr
        if answer.returncode != 0:
            raise AssertionError(f"nemoctl {' '.join(args)} ended with {answer.returncode}: {said}")
        return said

    def apply(self, *bodies: Body) -> None:
        """Apply objects as a user would."""
        self.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(bodies)}))

    def get(self, kind: str, name: str) -> Body | None:
        """Read one object; None when there is none."""
        text = self.kubectl("get", kind, name, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text.strip() else None

    def list_staying_pods(self, selector: str) -> list[Body]:
        """Read the pods that nobody told to go: those of before a rollout end after it, and are no part of it."""
        return [pod for pod in self.list("pod", selector) if "deletionTimestamp" not in pod["metadata"]]

    def list_event_reasons(self) -> list[str]:
        """Read why events of NemotronDeployments were posted: each comes after the status that it tells of."""
        events = self.list("events.events.k8s.io")
        return [event["reason"] for event in events if event.get("regarding", {}).get("kind") == "NemotronDeployment"]

    def list(self, kind: str, selector: str = "") -> list[Body]:
        """Read all objects of one kind."""
        items: list[Body] = json.loads(self.kubectl("get", kind, "-l", selector, "-o", "json"))["items"]
        return items

    def patch(self, kind: str, name: str, patch: Mapping[str, Any]) -> None:
        """Change an object by a JSON merge patch."""
        self.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(patch))

    def condition(self, name: str, kind: str) -> dict[str, Any] | None:
        """Read one condition, if it speaks of the newest spec."""
        resource = self.get("nemo", name)
        if resource is None:
            return None
        found = [
            condition
            for condition in resource.get("status", {}).get("conditions", [])
            if condition["type"] == kind and condition["observedGeneration"] == resource["metadata"]["generation"]
        ]
        return found[0] if found else None

    def wait_for_reason(self, name: str, kind: str, reason: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """Wait until a condition has a reason, and return it."""

        def look() -> dict[str, Any] | None:
            condition = self.condition(name, kind)
            return condition if condition and condition["reason"] == reason else None

        try:
            return wait_until(f"{name} {kind}={reason}", look, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; the resource: {json.dumps(self.get('nemo', name))}") from None

    def wait_until_ready(self, name: str = "nemotron", seconds: float = PATIENCE_SECONDS) -> Body:
        """Wait until a resource serves, and return it."""
        self.wait_for_reason(name, "Ready", "Serving", seconds)
        resource = self.get("nemo", name)
        if resource is None:
            raise AssertionError(f"{name} vanished")
        return resource

    def wait_until_replaced(self, kind: str, before: Body, seconds: float = PATIENCE_SECONDS) -> Body:
        """Wait until an object that was deleted is there again, as another one, and return it."""

        def look() -> Body | None:
            live = self.get(kind, before["metadata"]["name"])
            return live if live is not None and live["metadata"]["uid"] != before["metadata"]["uid"] else None

        return wait_until(f"the deleted {kind} is back", look, seconds)

    def change_until_repaired(self, kind: str, name: str = "nemotron") -> None:
        """Change something that the operator made, and wait until it is as it was."""
        self.kubectl("annotate", kind, name, "--overwrite", f"{INTENT_ANNOTATION}=changed")

        def is_repaired() -> bool:
            live = self.get(kind, name)
            return live is not None and live["metadata"]["annotations"].get(INTENT_ANNOTATION) != "changed"

        wait_until(f"the {kind} is as it was", is_repaired)


@dataclass
class RunningOperator:
    """The operator's process, with what it counts."""

    component: Component
    port: int

    def read_metrics(self) -> dict[str, float]:
        """Read every counter by its name and labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def count_writes(self) -> int:
        """Count the requests by which the operator changed something, refused ones too; its Lease it renews always."""
        pattern = re.compile(r'nemotron_operator_api_requests_total\{.*verb="(POST|PUT|PATCH|DELETE)"')
        counted = self.read_metrics().items()
        return int(sum(value for name, value in counted if pattern.match(name) and 'kind="Lease"' not in name))

    def restart(self) -> None:
        """Start the process again after it ended."""
        self.port = start_operator(self.component)

    def wait_until_synced(self) -> None:
        """Wait until it says that it is ready."""

        def look() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        wait_until("the operator is ready", look)


def wait_until_alone(namespace: Namespace) -> None:
    """Wait until the namespaces of earlier tests are gone: what ends in them makes the operator write."""

    def is_alone() -> bool:
        names = namespace.plane.kubectl("get", "namespaces", "-o", "name").split()
        return [name for name in names if name.startswith("namespace/test-")] == [f"namespace/{namespace.name}"]

    wait_until("earlier namespaces are gone", is_alone, seconds=90)


def refusal_of(act: Callable[[], object]) -> str:
    """Return what kubectl prints when the API server refuses; fail if it does not refuse."""
    try:
        act()
    except KubectlError as error:
        return str(error)
    raise AssertionError("the API server accepted it")
