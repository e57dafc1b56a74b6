"""The life of one resource on a real control plane: created, changed, scaled, suspended, deleted."""

import json
from typing import Any

import pytest

from nemotron_operator.rollout.history import KEPT_REVISIONS
from tests.support.cluster import Namespace, a_resource, wait_until

pytestmark = pytest.mark.usefixtures("operator")

CHILDREN = ("deployment", "service", "serviceaccount", "job", "pdb")


def test_the_card_s_resource_becomes_ready_with_all_its_children(namespace: Namespace) -> None:
    namespace.apply(a_resource(parallelism={"tensor": 8}, engine={"maxModelLen": 4096}))

    namespace.kubectl("wait", "--for=condition=Ready", "nemo/nemotron", "--timeout=40s")

    resource = namespace.wait_until_ready()
    status = resource["status"]
    container = _container(namespace)
    assert tuple(status["plan"][key] for key in ("gpus", "tensorParallelSize", "maxModelLen")) == (8, 8, 4096)
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "8"
    assert "--tensor-parallel-size=8" in container["args"]
    assert f"http://nemotron.{namespace.name}.svc:8000/v1" == status["endpoint"]["url"]
    assert resource["metadata"]["generation"] == status["observedGeneration"]
    assert status["desiredRevision"] == status["servingRevision"]


def test_the_operator_writes_nothing_on_the_resource_but_its_status(namespace: Namespace) -> None:
    namespace.apply(a_resource())
    resource = namespace.wait_until_ready()

    managers = {entry["manager"]: entry.get("subresource") for entry in _managed_fields(namespace)}

    assert list(resource["metadata"]["annotations"]) == ["kubectl.kubernetes.io/last-applied-configuration"]
    assert "finalizers" not in resource["metadata"]
    assert managers["nemotron-operator"] == "status"


def test_conditions_tell_each_step_and_events_tell_each_change_once(namespace: Namespace) -> None:
    namespace.apply(a_resource())
    status = namespace.wait_until_ready()["status"]

    def look() -> list[str] | None:
        reasons = namespace.list_event_reasons()
        return reasons if {"Fits", "Downloading", "Cached", "Serving"} <= set(reasons) else None

    conditions = {condition["type"]: condition["reason"] for condition in status["conditions"]}
    reasons = wait_until("each step is an event", look)

    expected = {
        "Ready": "Serving",
        "Planned": "Fits",
        "ModelCached": "Cached",
        "Available": "Serving",
        "Verified": "NotRequested",
    }
    assert expected == conditions
    assert sorted(set(reasons)) == sorted(reasons)


def test_kubectl_scale_changes_the_replicas_and_protects_them_from_disruption(namespace: Namespace) -> None:
    namespace.apply(a_resource(cache={"accessModes": ["ReadWriteMany"]}))
    namespace.wait_until_ready()

    namespace.kubectl("scale", "nemo/nemotron", "--replicas=2")

    resource = namespace.wait_until_ready()
    assert (
        resource["status"]["replicas"],
        resource["status"]["readyReplicas"],
        resource["status"]["plan"]["gpus"],
    ) == (2, 2, 4)
    assert namespace.get("pdb", "nemotron") is not None

    namespace.kubectl("scale", "nemo/nemotron", "--replicas=1")

    namespace.wait_until_ready()
    wait_until("the disruption budget is gone", lambda: namespace.get("pdb", "nemotron") is None)


def test_a_changed_spec_rolls_out_and_ready_waits_for_the_new_revision(namespace: Namespace) -> None:
    namespace.apply(a_resource(engine={"maxModelLen": 4096}))
    before = namespace.wait_until_ready()["status"]["servingRevision"]

    namespace.apply(a_resource(engine={"maxModelLen": 8192}))

    after = namespace.wait_until_ready()["status"]
    assert before != after["servingRevision"]
    assert after["plan"]["maxModelLen"] == 8192
    assert "--max-model-len=8192" in _container(namespace)["args"]


def test_a_field_taken_out_of_the_spec_is_taken_out_of_the_pods(namespace: Namespace) -> None:
    namespace.apply(a_resource(podTemplate={"nodeSelector": {"kubernetes.io/os": "linux"}}))
    namespace.wait_until_ready()

    namespace.apply(a_resource())

    def is_gone() -> bool:
        deployment = namespace.get("deployment", "nemotron")
        return deployment is not None and "nodeSelector" not in deployment["spec"]["template"]["spec"]

    wait_until("the node selector is gone", is_gone)


def test_a_suspended_resource_takes_no_gpu_and_keeps_its_model(namespace: Namespace) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()

    namespace.patch("nemo", "nemotron", {"spec": {"suspend": True}})

    namespace.wait_for_reason("nemotron", "Ready", "Suspended")
    wait_until("no pod serves", lambda: not namespace.list("pod", "nemotron.dev/component=server"))
    cached = namespace.condition("nemotron", "ModelCached")
    assert cached is not None
    assert cached["status"] == "True"


def test_deletion_takes_the_children_and_keeps_the_volume(namespace: Namespace) -> None:
    namespace.apply(a_resource(replicas=2, cache={"accessModes": ["ReadWriteMany"]}))
    claim = namespace.wait_until_ready()["status"]["cache"]["claimName"]

    namespace.kubectl("delete", "nemo", "nemotron")

    def children() -> list[str]:
        found = [(kind, namespace.list(kind, "nemotron.dev/deployment=nemotron")) for kind in (*CHILDREN, "pod")]
        return [kind for kind, objects in found if objects]

    wait_until("no child is left", lambda: not children())
    kept = namespace.get("pvc", claim)
    assert kept is not None
    assert "ownerReferences" not in kept["metadata"]


def test_a_resource_that_comes_back_finds_its_model_on_the_volume(namespace: Namespace) -> None:
    slow = {"annotations": {"lab.nemotron.dev/fetch-seconds": "600"}}
    namespace.apply(a_resource())
    namespace.wait_until_ready()
    namespace.kubectl("delete", "nemo", "nemotron")
    wait_until("the deployment is gone", lambda: namespace.get("deployment", "nemotron") is None)

    namespace.apply(a_resource("again", podTemplate=slow))

    assert namespace.wait_until_ready("again")["metadata"]["name"] == "again"


def _container(namespace: Namespace) -> dict[str, Any]:
    deployment = namespace.get("deployment", "nemotron")
    if deployment is None:
        raise AssertionError("there is no Deployment")
    container: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    return container


def _managed_fields(namespace: Namespace) -> list[dict[str, Any]]:
    text = namespace.kubectl("get", "nemo", "nemotron", "-o", "json", "--show-managed-fields")
    fields: list[dict[str, Any]] = json.loads(text)["metadata"]["managedFields"]
    return fields


def test_of_many_revisions_the_last_ones_are_kept(namespace: Namespace) -> None:
    namespace.apply(a_resource(replicas=0))
    first = _wait_for_record_other_than(namespace, set())
    records = {first}

    for sequences in range(1, KEPT_REVISIONS + 3):
        namespace.patch("nemo", "nemotron", {"spec": {"engine": {"maxNumSeqs": sequences}}})
        records.add(_wait_for_record_other_than(namespace, records))

    wait_until("the first revision is forgotten", lambda: first not in _records(namespace))


def _records(namespace: Namespace) -> set[str]:
    return {record["metadata"]["name"] for record in namespace.list("controllerrevision")}


def _wait_for_record_other_than(namespace: Namespace, known: set[str]) -> str:
    return min(wait_until("another revision is kept", lambda: _records(namespace) - known))
