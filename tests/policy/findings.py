"""What the tools find in everything that is rendered, each finding in the same words."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.policy.rendered import Body

REGO_POLICIES = Path(__file__).with_name("rego")

KUBERNETES_VERSION = "v1.37"

_BEST_GRADE = 10


@dataclass(frozen=True, order=True)
class Finding:
    """One tool does not like one thing."""

    tool: str
    check: str
    subject: str
    """Origin, kind and name, as in `operator:minimal Deployment/nemotron`."""

    detail: str = ""
    """What else the tool says, such as which container."""


def run_kube_score(program: Path, rendered: Mapping[str, Sequence[Body]]) -> Iterator[Finding]:
    """Let kube-score judge what is applied together; all that it would mark down counts."""
    for origin, bodies in rendered.items():
        command = [str(program), "score", "--output-format=json", f"--kubernetes-version={KUBERNETES_VERSION}", "-"]
        said = _ask(command, yaml.safe_dump_all(with_pods_of_groups(bodies)))
        for scored in json.loads(said) or []:
            kind, *_, name = scored["object_name"].split("/")
            for check in scored["checks"]:
                if not check["skipped"] and check["grade"] < _BEST_GRADE:
                    for comment in check["comments"] or [{"summary": "", "path": ""}]:
                        words = f"{check['check']['id']}: {comment['summary']}"
                        yield Finding("kube-score", words, f"{origin} {kind}/{name}", comment["path"])


def run_checkov(program: Path, rendered: Mapping[str, Sequence[Body]], folder: Path) -> Iterator[Finding]:
    """Let checkov judge everything at once, as it takes seconds to start; it asks nobody else."""
    origins = {}
    for index, (origin, bodies) in enumerate(rendered.items()):
        path = folder / f"{index}.yaml"
        path.write_text(yaml.safe_dump_all(with_pods_of_groups(bodies)))
        origins[path.name] = origin
    command = [str(program), "--directory", str(folder), "--framework=kubernetes", "--output=json", "--compact"]
    report = json.loads(_ask([*command, "--quiet", "--skip-download"], ""))
    if report["summary"]["parsing_errors"]:
        raise ValueError(f"checkov did not understand {report['results']['parsing_errors']}")
    for failed in report["results"]["failed_checks"]:
        kind, _, name = failed["resource"].split(".", 2)
        origin = origins[Path(failed["file_path"]).name]
        yield Finding("checkov", f"{failed['check_id']}: {failed['check_name']}", f"{origin} {kind}/{name}")


def run_rego(program: Path, rendered: Mapping[str, Sequence[Body]]) -> Iterator[Finding]:
    """Hold everything against our own policies."""
    inputs = {origin: {"origin": origin, "objects": bodies} for origin, bodies in rendered.items()}
    denied: dict[str, list[dict[str, str]]] = json.loads(_ask([str(program), str(REGO_POLICIES)], json.dumps(inputs)))
    for origin, findings in denied.items():
        for found in findings:
            yield Finding("rego", found["check"], f"{origin} {found['object']}", found["message"])


def with_pods_of_groups(bodies: Sequence[Body]) -> list[Body]:
    """Add the pods of LeaderWorkerSets, a kind that the tools do not know."""
    return [*bodies, *(pod for body in bodies if body["kind"] == "LeaderWorkerSet" for pod in _list_pods(body))]


def _list_pods(groups: Body) -> Iterator[Body]:
    for part in ("leader", "worker"):
        template: Any = groups["spec"]["leaderWorkerTemplate"][f"{part}Template"]
        metadata = {
            "name": f"{groups['metadata']['name']}-{part}",
            "namespace": groups["metadata"]["namespace"],
            **template["metadata"],
        }
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def _ask(command: list[str], text: str) -> str:
    answer = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    # Both say by 1 that they found something.
    if answer.returncode not in {0, 1} or not answer.stdout:
        raise RuntimeError(f"{command[0]} ended with {answer.returncode}: {answer.stderr}")
    return answer.stdout
