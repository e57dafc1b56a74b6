"""Requests to the volume and results from it, through `kubectl exec` into the pod that waits there."""

import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemotron_operator.cli.batch.manifests import BATCH_PATH, PROGRAM, Batch
from nemotron_operator.cli.batch.prepared import PreparedRequests
from nemotron_operator.cli.bundle.loader import CONTAINER_NAME
from nemotron_operator.cli.bundle.program import run_program
from nemotron_operator.cli.cluster_access import ClusterTarget
from nemotron_operator.cli.kubectl import make_kubectl
from nemotron_operator.errors import OperatorError

PIECE_BYTES = 1 << 20
"""How much is sent at once."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the requests."""

    total: int
    answered: int
    failed: int
    """Those whose line says why there is no answer."""
    missing: int
    """Those without a line."""


def send_requests(batch: Batch, requests: PreparedRequests, target: ClusterTarget) -> None:
    """Send the requests, which the other end holds against their digest.

    Raises
    ------
    OperatorError
        They did not arrive.
    """
    command = _make_command(batch, target, ["receive", f"--sha256={requests.sha256}"])
    with requests.path.open("rb") as file:
        ending = run_program(command, feed=lambda stream: shutil.copyfileobj(file, stream, PIECE_BYTES))
    if not ending.is_complete:
        raise OperatorError(f"The requests did not arrive: {ending.explain()} The same command tries again.")


def fetch_results(batch: Batch, target: ClusterTarget, path: Path) -> Counts:
    """Fetch what there is into a file, and hold it against the digest that the other end gives.

    Raises
    ------
    OperatorError
        It did not arrive as a whole.
    """
    command = _make_command(batch, target, ["results"])
    with path.open("wb") as file:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.PIPE, check=False)  # noqa: S603 - our own command, and no shell
    said = ended.stderr.decode(errors="replace").strip()
    outcome = _read_outcome(said)
    if outcome.get("outcome") != "Complete":
        reason = outcome.get("message") or said or "it said nothing."
        raise OperatorError(f"The results did not arrive: {reason} The same command tries again.")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != outcome["sha256"]:
        raise OperatorError("The results did not arrive as a whole. The same command tries again.")
    return Counts(outcome["total"], outcome["answered"], outcome["failed"], outcome["missing"])


def read_log(batch: Batch, pod: str, container: str, target: ClusterTarget) -> str | None:
    """Read the end of a container's log; None where it cannot be read."""
    command = make_kubectl(target, batch.namespace, ["logs", pod, f"--container={container}", "--tail=500"])
    answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S603 - as above
    return answer.stdout.decode(errors="replace") if answer.returncode == 0 else None


def _make_command(batch: Batch, target: ClusterTarget, arguments: list[str]) -> list[str]:
    run = ["exec", "--stdin", batch.pod_name, f"--container={CONTAINER_NAME}", "--"]
    return make_kubectl(target, batch.namespace, [*run, PROGRAM, *arguments, f"--directory={BATCH_PATH}"])


def _read_outcome(said: str) -> dict[str, Any]:
    """Read the last JSON line; kubectl may add its own."""
    for line in reversed(said.splitlines()):
        try:
            content = json.loads(line)
        except ValueError:
            continue
        if isinstance(content, dict):
            return content
    return {}
