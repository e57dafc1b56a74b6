import pytest

from nemotron_operator.api.conditions import Reason
from nemotron_operator.status.failed_pods import explain_failed_pods
from nemotron_operator.status.observed_pods import FailedPod, ObservedPod
from tests.support.fixtures.observations import NEW, OLD, a_pod

ENDED_AT, SOON, MUCH_LATER = "2026-11-24T08:00:00Z", "2026-11-24T08:00:02Z", "2026-11-25T08:00:00Z"


def failed(reason: str = "Evicted", message: str = "Low on memory.", name: str = "x") -> FailedPod:
    return FailedPod(name, NEW, reason, message, ENDED_AT, "h100-0")


@pytest.mark.parametrize(
    ("reason", "message", "told", "words"),
    [
        # amygdala-labs/cosmos-operator#185
        (
            "Evicted",
            "The node was low on resource: memory. Container vllm was using 35505620Ki, which exceeds its request. ",
            Reason.EVICTED,
            "evicted pod x: The node was low on resource: memory. Container vllm was using 35505620Ki",
        ),
        (
            "Terminated",
            "Pod was terminated in response to imminent node shutdown.",
            Reason.NODE_LOST,
            "Node h100-0 was shut down",
        ),
        (
            "UnexpectedAdmissionError",
            "Allocate failed due to no healthy devices present; cannot allocate unhealthy devices nvidia.com/gpu",
            Reason.POD_REFUSED,
            "refused pod x (UnexpectedAdmissionError): Allocate failed due to no healthy devices present",
        ),
        ("OutOfcpu", "", Reason.POD_REFUSED, "refused pod x (OutOfcpu): OutOfcpu."),
    ],
)
def test_why_a_pod_ended_for_ever_is_told_while_another_starts(
    reason: str, message: str, told: Reason, words: str
) -> None:
    found = explain_failed_pods([failed(reason, message)], [a_pod(created_at=SOON)])
    assert found is not None
    assert (told, False) == (found.reason, found.needs_human)
    assert words in found.message
    assert ".." not in found.message


@pytest.mark.parametrize(
    "living",
    [
        [],
        [a_pod(created_at=SOON, ready=True)],
        [a_pod(created_at=MUCH_LATER)],
        [a_pod(OLD, created_at=SOON)],
        [a_pod(created_at="")],
    ],
    ids=["nothing", "it serves", "it is not its replacement", "of another revision", "of no time"],
)
def test_what_is_history_is_not_told(living: list[ObservedPod]) -> None:
    assert explain_failed_pods([failed()], living) is None


def test_of_several_the_last_is_told() -> None:
    found = explain_failed_pods([failed(name="first"), failed(name="last")], [a_pod(created_at=SOON)])
    assert found is not None
    assert "evicted pod last" in found.message
