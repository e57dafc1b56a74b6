"""What GitOps tools make of an object: kstatus' code, and the engines of Argo CD and Flux on files of `examples/`."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples" / "gitops"

CUSTOMIZATIONS = EXAMPLES / "argocd" / "resource_customizations" / "nemotron.dev" / "NemotronDeployment"
"""As in Argo CD's own repository."""

Body = dict[str, Any]


class JudgeError(Exception):
    """What judges could not; the text is what it said."""


@dataclass(frozen=True)
class Judges:
    """The program that holds them all."""

    program: Path

    def by_kstatus(self, *objects: Body) -> list[str]:
        """Judge by `status.Compute` of kstatus."""
        return self._ask({"by": "kstatus"}, objects)

    def by_argo_cd(self, *objects: Body) -> list[dict[str, str]]:
        """Judge by the health check."""
        return self._ask({"by": "lua", "script": (CUSTOMIZATIONS / "health.lua").read_text()}, objects)

    def by_flux(self, expressions: Mapping[str, str], *objects: Body) -> list[str]:
        """Judge by `healthCheckExprs`."""
        return self._ask({"by": "cel", "expressions": expressions}, objects)

    def run_lua(self, script: str, body: Body) -> Any:  # noqa: ANN401 - whatever the script returns
        """Run another script of Argo CD's."""
        (result,) = self._ask({"by": "lua", "script": script}, [body])
        return result

    def read_releases(self, *releases: Body) -> list[str]:
        """Read HelmReleases by Flux' own types, which refuse unknown fields, and return their names."""
        return self._ask({"by": "helmrelease"}, releases)

    def _ask(self, request: Mapping[str, Any], objects: Sequence[Body]) -> list[Any]:
        asked = json.dumps({**request, "objects": list(objects)})
        answer = subprocess.run([self.program], input=asked, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise JudgeError(answer.stderr.strip())
        results = json.loads(answer.stdout)
        errors = [result["error"] for result in results if "error" in result]
        if errors:
            raise JudgeError("\n".join(errors))
        return [result["result"] for result in results]


@dataclass(frozen=True)
class Example:
    """One object of the examples, and where it stands."""

    path: Path
    body: Body

    @cached_property
    def expressions(self) -> list[Body]:
        """Its `healthCheckExprs`."""
        found: list[Body] = self.body["spec"].get("healthCheckExprs", [])
        return found

    @property
    def name(self) -> str:
        """Tell it from the others."""
        return f"{self.path.stem}-{self.body['kind']}-{self.body['metadata']['name']}"


def read_examples(*kinds: str) -> list[Example]:
    """Read the objects of these kinds for both tools; all of them by default."""
    files = sorted([*(EXAMPLES / "argocd").glob("*.yaml"), *(EXAMPLES / "argocd" / "apps").glob("*.yaml")])
    files += sorted((EXAMPLES / "flux").rglob("*.yaml"))
    found = [Example(path, body) for path in files for body in yaml.safe_load_all(path.read_text())]
    return [example for example in found if not kinds or example.body["kind"] in kinds]
