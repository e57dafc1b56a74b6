"""Objects of every phase, as the real API server gave them; `tests/cluster/test_gitops.py` records them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from nemotron_operator.yaml_text import dump_yaml
from tests.gitops.judges import CUSTOMIZATIONS

Body = dict[str, Any]

FOLDER = Path(__file__).with_name("fixtures")

FOR_ARGO_CD = {"new": "Progressing", "serving": "Healthy", "suspended": "Suspended", "bad-spec": "Degraded"}
"""Phases that go into the folder of Argo CD's own harness, too, and the health that it expects of each."""

_NOT_SEEN = "The operator has not seen the newest spec yet."
"""What the health check says of a resource without conditions."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def read_fixtures() -> dict[str, Body]:
    """Read them by phase."""
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}


def write_fixtures(recorded: Mapping[str, Body], namespace: str) -> None:
    """Write all anew, and what Argo CD's harness reads of them."""
    for path in FOLDER.glob("*.yaml"):
        path.unlink()
    bodies = {phase: _normalise(body, namespace) for phase, body in recorded.items()}
    for phase, body in bodies.items():
        (FOLDER / f"{phase}.yaml").write_text(dump_yaml(body))
    for phase in FOR_ARGO_CD:
        (CUSTOMIZATIONS / "testdata" / f"{phase}.yaml").write_text(dump_yaml(bodies[phase]))
    tests = [_expect_health(phase, bodies[phase]) for phase in FOR_ARGO_CD]
    (CUSTOMIZATIONS / "health_test.yaml").write_text(dump_yaml({"tests": tests}))
    for phase, done, suspend in (("serving", "suspended", True), ("suspended", "resumed", False)):
        expected = {**bodies[phase], "spec": {**bodies[phase]["spec"], "suspend": suspend}}
        (CUSTOMIZATIONS / "actions" / "testdata" / f"{phase}-{done}.yaml").write_text(dump_yaml(expected))


def shape(body: Body) -> dict[str, Any]:
    """Take what a GitOps tool looks at, and the names of what stands beside it."""
    metadata, status = body["metadata"], body.get("status", {})
    conditions = status.get("conditions", [])
    return {
        "conditions": {each["type"]: (each["status"], each.get("reason")) for each in conditions},
        "is observed": status.get("observedGeneration") == metadata.get("generation"),
        "is deleted": "deletionTimestamp" in metadata,
        "status": sorted(status),
    }


def _expect_health(phase: str, body: Body) -> Body:
    """Write one test of Argo CD's harness: the message is that of `Ready`."""
    conditions = body["status"].get("conditions", [])
    (message,) = [each["message"] for each in conditions if each["type"] == "Ready"] or [_NOT_SEEN]
    health = {"status": FOR_ARGO_CD[phase], "message": message}
    return {"inputPath": f"testdata/{phase}.yaml", "healthStatus": health}


def _normalise(body: Body, namespace: str) -> Body:
    """Take out what is another with each recording and says nothing."""
    trimmed = {**body, "metadata": {**body["metadata"], "resourceVersion": "1"}}
    trimmed["metadata"].pop("managedFields", None)
    text = _TIME.sub("2026-01-01T00:00:00Z", dump_yaml(trimmed))
    text = re.sub(rf"\b{re.escape(namespace)}\b", "models", text)
    uids: dict[str, str] = {}
    for match in _UID.finditer(text):
        uids.setdefault(match[0], f"00000000-0000-4000-8000-{len(uids) + 1:012}")
    normal: Body = yaml.safe_load(_UID.sub(lambda match: uids[match[0]], text))
    return normal
