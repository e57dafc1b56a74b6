import pytest

from nemotron_operator.api.conditions import Reason
from nemotron_operator.status.explanation import Trouble
from nemotron_operator.status.observation import ObservedClaim
from nemotron_operator.status.observed_pods import ContainerTrouble, ObservedPod
from nemotron_operator.status.trouble import explain_pods

IMAGE = "registry.example.com/models/nemotron:1"

CONFLICTS = [
    "0/3 nodes are available: 3 node(s) had volume node affinity conflict.",
    "0/3 nodes are available: 3 node(s) didn't match PersistentVolume's node affinity.",
    "0/3 nodes are available: 3 node(s) had no available volume zone.",
]


def a_pod_that_waits(reason: str, message: str, model_image: str = IMAGE) -> ObservedPod:
    waiting = ContainerTrouble(reason, message, "", 0, "", 0)
    return ObservedPod("nemotron-x", "a", "2026-11-24T07:55:00Z", ready=False, unschedulable="", trouble=waiting,
                       model_image=model_image)  # fmt: skip


def explain(pod: ObservedPod, claim: ObservedClaim | None = None) -> Trouble:
    trouble = explain_pods([pod], "team", claim)
    assert trouble is not None
    return trouble


@pytest.mark.parametrize("words", CONFLICTS)
@pytest.mark.parametrize(("place", "told"), [("zone 'eu-1a'", ", which is in zone 'eu-1a':"), ("", "'model-x':")])
def test_a_volume_out_of_reach_is_told_with_its_place_and_the_way_out(words: str, place: str, told: str) -> None:
    pod = ObservedPod("nemotron-x", "a", "", ready=False, unschedulable=words, trouble=None)
    trouble = explain(pod, ObservedClaim("model-x", bound=True, place=place))
    assert (Reason.UNSCHEDULABLE, False) == (trouble.reason, trouble.needs_human)
    assert told in trouble.message
    assert words in trouble.message
    assert "`kubectl -n team delete pvc model-x`" in trouble.message
    assert "WaitForFirstConsumer" in trouble.message


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff"])
def test_the_image_with_the_weights_is_told_apart_from_the_engines(reason: str) -> None:
    of_weights = explain(a_pod_that_waits(reason, f'Back-off pulling image "{IMAGE}"'))
    of_engine = explain(a_pod_that_waits(reason, 'Back-off pulling image "vllm/vllm-openai:v0.33.0"'))
    assert Reason.IMAGE_PULL_FAILED == of_weights.reason == of_engine.reason
    assert "spec.model.source.ociImage.reference" in of_weights.message
    assert "spec.model.source.ociImage.reference" not in of_engine.message
    assert of_weights.needs_human


def test_a_node_that_cannot_mount_an_image_is_told() -> None:
    trouble = explain(a_pod_that_waits("CreateContainerError", "ImageVolumeMountFailed: no such feature"))
    assert (Reason.IMAGE_VOLUME_NOT_SUPPORTED, True) == (trouble.reason, trouble.needs_human)
    assert "containerd 2.1" in trouble.message


def test_a_pod_without_such_an_image_is_explained_as_ever() -> None:
    pod = a_pod_that_waits("CreateContainerConfigError", 'secret "x" not found')
    assert Reason.SECRET_NOT_FOUND == explain(pod).reason
    assert Reason.CONTAINER_NOT_CREATED == explain(a_pod_that_waits("CreateContainerError", "x", model_image="")).reason
