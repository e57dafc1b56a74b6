"""An object of a needed name that belongs to somebody else is reported, and never taken over."""

import json
from typing import Any

import pytest

from nemotron_operator.constants import FIELD_MANAGER
from tests.support.cluster import FP8, Body, Namespace, a_resource

pytestmark = pytest.mark.usefixtures("operator")

POD = {"containers": [{"name": "c", "image": "busybox"}]}
LABELS = {"app": "theirs"}

FOREIGN: dict[str, dict[str, Any]] = {
    "Deployment": {
        "apiVersion": "apps/v1",
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": POD},
        },
    },
    "Service": {"apiVersion": "v1", "spec": {"selector": LABELS, "ports": [{"port": 80}]}},
    "ServiceAccount": {"apiVersion": "v1"},
    "PodDisruptionBudget": {
        "apiVersion": "policy/v1",
        "spec": {"minAvailable": 1, "selector": {"matchLabels": LABELS}},
    },
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_object_is_reported_and_not_touched(kind: str, namespace: Namespace) -> None:
    namespace.apply({"kind": kind, "metadata": {"name": "nemotron"}, **FOREIGN[kind]})
    before, _ = _read(namespace, kind)

    namespace.apply(a_resource(replicas=2, cache={"accessModes": ["ReadWriteMany"]}))

    ready = namespace.wait_for_reason("nemotron", "Ready", "NameConflict")
    stalled = namespace.wait_for_reason("nemotron", "Stalled", "NameConflict")
    assert f"{kind} 'nemotron' exists and belongs to somebody else" in ready["message"]
    assert stalled["status"] == "True"
    after, managers = _read(namespace, kind)
    assert before == after
    assert [] == [manager for manager in managers if manager.startswith(FIELD_MANAGER)]
    assert namespace.list("job,pvc", "app.kubernetes.io/managed-by=nemotron-operator") == []


def _read(namespace: Namespace, kind: str) -> tuple[Body, list[str]]:
    """Read an object without what the controllers of its kind write, and who else wrote to it."""
    body: Body = json.loads(namespace.kubectl("get", kind, "nemotron", "-o", "json", "--show-managed-fields"))
    metadata = body["metadata"]
    managers = [entry["manager"] for entry in metadata.pop("managedFields")]
    body.pop("status", None)
    metadata.pop("resourceVersion")
    metadata["annotations"].pop("deployment.kubernetes.io/revision", None)
    return body, managers


def test_the_resource_goes_on_once_the_foreign_object_is_gone(namespace: Namespace) -> None:
    namespace.apply({"kind": "Service", "metadata": {"name": "nemotron"}, **FOREIGN["Service"]}, a_resource())
    namespace.wait_for_reason("nemotron", "Ready", "NameConflict")

    namespace.kubectl("delete", "service", "nemotron")

    namespace.wait_until_ready()


def test_two_resources_of_one_model_share_its_volume(namespace: Namespace) -> None:
    namespace.apply(a_resource("one"), a_resource("two", model=FP8))

    claims = {namespace.wait_until_ready(name)["status"]["cache"]["claimName"] for name in ("one", "two")}

    assert len(claims) == 1
    assert len(namespace.list("pvc")) == 1
