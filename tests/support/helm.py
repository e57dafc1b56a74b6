"""Helm as the chart's tests run it, on the chart of this checkout."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Body = dict[str, Any]

CHART = Path(__file__).resolve().parent.parent.parent / "charts" / "nemotron-operator"

MODELS_CHART = CHART.parent / "nemotron-models"

RELEASE = "operator"

NAMESPACE = "platform"

CRD_NAME = "nemotrondeployments.nemotron.dev"


class HelmError(Exception):
    """Helm refused; the text is what it printed."""


@dataclass(frozen=True)
class Helm:
    """One Helm, with its files kept out of the user's home."""

    program: Path
    home: Path
    kubeconfig: Path = Path(os.devnull)
    """By default there is no cluster."""
    namespace: str = NAMESPACE
    """Where releases are."""

    def run(self, *arguments: str, values: Mapping[str, Any] | None = None) -> str:
        """Run one command, with values beside those of the arguments; return what it printed."""
        home = {f"HELM_{kind}_HOME": str(self.home) for kind in ("CACHE", "CONFIG", "DATA")}
        given = [] if values is None else ["--values=-"]
        answer = subprocess.run(
            [self.program, *arguments, *given, "--namespace", self.namespace],
            env={**os.environ, **home, "KUBECONFIG": str(self.kubeconfig)},
            input=json.dumps(values),
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            raise HelmError(answer.stderr + answer.stdout)
        return answer.stdout

    def render(self, *arguments: str, values: Mapping[str, Any] | None = None, chart: Path = CHART) -> str:
        """Render the chart without a cluster."""
        return self.run("template", RELEASE, str(chart), *arguments, values=values)


def read_objects(text: str) -> dict[tuple[str, str], Body]:
    """Read rendered objects by kind and name, elsewhere than in the release's namespace by `namespace/name`.

    It fails where two have the same.
    """
    bodies: list[Body] = [body for body in yaml.load_all(text, yaml.CSafeLoader) if body is not None]
    found = {(body["kind"], _name_object(body["metadata"])): body for body in bodies}
    assert len(bodies) == len(found)
    return found


def _name_object(metadata: Body) -> str:
    namespace, name = metadata.get("namespace", NAMESPACE), metadata["name"]
    return name if namespace == NAMESPACE else f"{namespace}/{name}"


def read_notes(text: str) -> str:
    """Take the notes out of what `helm install` printed."""
    _, _, notes = text.partition("NOTES:\n")
    return notes
