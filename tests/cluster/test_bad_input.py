"""What the schema lets through and cannot work: a condition that names the thing, and the others go on."""

from typing import Any

import pytest

from tests.support.cluster import BF16, FP8, Namespace, a_resource

pytestmark = pytest.mark.usefixtures("operator")

REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("UnknownModel", {"model": {"name": "nvidia/Llama-9"}}, "'nvidia/Llama-9' is not in the catalogue", ""),
    ("UnknownAccelerator", {"accelerator": "H1000"}, "'H1000' is not a profile", ""),
    ("TensorParallelDoesNotDivideHeads", {"parallelism": {"tensor": 3}}, "Possible on H100-80GB: 1, 2, 4, 8", ""),
    ("TensorParallelExceedsNode", {"parallelism": {"tensor": 16}}, "16 GPUs are more than the 8 of one", ""),
    ("WeightsDoNotFit", {"parallelism": {"tensor": 1}}, "What fits: parallelism.tensor: 2", BF16),
    ("ContextDoesNotFit", {"parallelism": {"tensor": 2}, "engine": {"maxModelLen": 131072}}, "maxModelLen:", BF16),
    ("ContextExceedsModel", {"engine": {"maxModelLen": 200000}}, "Set at most 131072", ""),
    ("ImageNotAllowed", {"engine": {"image": "evil/image"}}, "'evil/image'", ""),
    ("ArgumentNotAllowed", {"engine": {"extraArgs": ["--api-key=x"]}}, "use that field", ""),
    ("EnvironmentNotAllowed", {"engine": {"env": [{"name": "LD_PRELOAD", "value": "x"}]}}, "LD_PRELOAD", ""),
    ("CacheTooSmall", {"cache": {"size": "10Gi"}}, "spec.cache.size: 10Gi is less than", ""),
    ("ClaimNotFound", {"cache": {"existingClaim": "nowhere"}}, "there is no PersistentVolumeClaim 'nowhere'", ""),
]


@pytest.mark.parametrize(("reason", "spec", "words", "model"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_spec_that_cannot_work_is_refused_with_the_way_out(
    reason: str, spec: dict[str, Any], words: str, model: str, namespace: Namespace
) -> None:
    namespace.apply(a_resource(model=model or FP8) | {"spec": {"model": {"name": model or FP8}, **spec}})

    planned = namespace.wait_for_reason("nemotron", "Planned", reason)
    stalled = namespace.wait_for_reason("nemotron", "Stalled", reason)

    assert (planned["status"], stalled["status"]) == ("False", "True")
    assert words in planned["message"]
    assert namespace.list("deployment,job,service,pvc", "app.kubernetes.io/managed-by=nemotron-operator") == []


def test_a_corrected_spec_recovers_without_another_hand(namespace: Namespace) -> None:
    namespace.apply(a_resource(parallelism={"tensor": 3}))
    namespace.wait_for_reason("nemotron", "Stalled", "TensorParallelDoesNotDivideHeads")

    namespace.apply(a_resource(parallelism={"tensor": 4}))

    status = namespace.wait_until_ready()["status"]
    assert [c for c in status["conditions"] if c["type"] in {"Stalled", "Reconciling"}] == []


def test_what_serves_keeps_serving_when_a_change_is_refused(namespace: Namespace) -> None:
    namespace.apply(a_resource(parallelism={"tensor": 2}))
    before = namespace.wait_until_ready()["status"]

    namespace.apply(a_resource(parallelism={"tensor": 3}))

    ready = namespace.wait_for_reason("nemotron", "Ready", "TensorParallelDoesNotDivideHeads")
    available = namespace.condition("nemotron", "Available")
    resource = namespace.get("nemo", "nemotron")
    assert available is not None
    assert resource is not None
    assert available["status"] == "True"
    assert "1 pod of the revision before keeps serving" in ready["message"]
    assert before["endpoint"] == resource["status"]["endpoint"]


def test_a_poisoned_resource_does_not_hold_up_the_others(namespace: Namespace) -> None:
    namespace.apply(a_resource("bad", model="nvidia/Nothing"), a_resource("good"))

    namespace.wait_until_ready("good")
    namespace.wait_for_reason("bad", "Stalled", "UnknownModel")
