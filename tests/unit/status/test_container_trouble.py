from dataclasses import replace

import pytest

from nemotron_operator.api.conditions import Reason
from nemotron_operator.render.pods import PROBE_CONTAINER
from nemotron_operator.status.explanation import Trouble
from nemotron_operator.status.observed_pods import ContainerRun, ContainerTrouble
from nemotron_operator.status.trouble import explain_pods
from tests.support.fixtures.observations import a_pod, trouble

PULLING = 'Back-off pulling image "registry.example.com/vllm:v0": ErrImagePull: rpc error: code = Unknown desc = '

BUDGET, GRACE = 1054, 25


def explain(in_trouble: ContainerTrouble, *, has_probe: bool = True) -> Trouble | None:
    pod = replace(a_pod(name="nemotron-x", in_trouble=in_trouble), node="h100-0", has_probe=has_probe)
    return explain_pods([pod], "team")


def told(in_trouble: ContainerTrouble, *, has_probe: bool = True) -> Trouble:
    found = explain(in_trouble, has_probe=has_probe)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("said", "words", "needs_human"),
    [
        # containerd/containerd#2052
        (
            "pull access denied, repository does not exist or may require authorization: authorization failed",
            ["the registry refuses access", "podTemplate.imagePullSecrets", "correct engine.image"],
            True,
        ),
        # kubernetes/kubernetes#110678
        ("failed with status code [manifests v0]: 401 Unauthorized", ["the registry refuses access"], True),
        (
            'failed to resolve reference "registry.example.com/vllm:v0": registry.example.com/vllm:v0: not found',
            ["the registry has no such image", "Correct engine.image."],
            True,
        ),
        # namespacelabs/foundation#846
        (
            "429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit.",
            ["the registry limits how often it is asked", "tried again by itself", "podTemplate.imagePullSecrets"],
            False,
        ),
        (
            'failed to do request: Head "https://registry.example.com/v2/": dial tcp 192.0.2.1:443: i/o timeout',
            ["the registry does not answer", "tried again by itself"],
            False,
        ),
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            ["does not trust the registry's certificate"],
            True,
        ),
        (
            "write /var/lib/containerd/tmp: no space left on device",
            ["the node's disk is full", "kubectl describe node h100-0"],
            True,
        ),
        ("something else", ["cannot pull its image", "Check engine.image and podTemplate.imagePullSecrets"], True),
    ],
)
@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff"])
def test_why_an_image_does_not_come_is_told_apart(
    reason: str,
    said: str,
    words: list[str],
    needs_human: bool,  # noqa: FBT001 - a column
) -> None:
    found = told(trouble(reason, PULLING + said))
    assert (Reason.IMAGE_PULL_FAILED, needs_human) == (found.reason, found.needs_human)
    assert all(each in found.message for each in [*words, said.rstrip(".")])


def test_the_image_of_a_jobs_pod_is_the_operators() -> None:
    pulled = replace(trouble("ErrImagePull", f"{PULLING}not found"), container="download")
    assert "Correct the operator's downloaderImage." in told(pulled).message


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('secret "hub-token" not found', Reason.SECRET_NOT_FOUND),
        ("couldn't find key token in Secret team/hub-token", Reason.SECRET_NOT_FOUND),
        ("container has runAsNonRoot and image will run as root", Reason.CONTAINER_NOT_CREATED),
    ],
)
def test_what_is_wrong_with_the_configuration_of_a_container_is_told(message: str, reason: Reason) -> None:
    found = told(trouble("CreateContainerConfigError", message))
    assert (reason, True) == (found.reason, found.needs_human)
    assert message in found.message


NOT_FOUND = 'exec: "vllm": executable file not found in $PATH: unknown'


def test_a_container_that_cannot_be_started_may_be_a_bad_moment_of_the_runtime() -> None:
    first = replace(trouble(ended="StartError", exit_code=128, last_words=NOT_FOUND), has_just_ended=True)
    found = told(first)
    assert (Reason.CONTAINER_NOT_CREATED, False) == (found.reason, found.needs_human)
    assert f"cannot start container vllm of pod nemotron-x: {NOT_FOUND}." in found.message
    again = trouble("CrashLoopBackOff", ended="StartError", exit_code=128, last_words=NOT_FOUND, restarts=2)
    assert told(again).needs_human
    assert Reason.CONTAINER_NOT_CREATED is told(trouble("RunContainerError", NOT_FOUND)).reason


def test_a_probe_that_does_not_run_is_told_as_such() -> None:
    gone = 'exec: "python3": executable file not found in $PATH: unknown'
    missing = trouble("CrashLoopBackOff", ended="StartError", exit_code=128, last_words=gone, restarts=1)
    found = told(replace(missing, container=PROBE_CONTAINER))
    assert (Reason.PROBE_FAILED, True) == (found.reason, found.needs_human)
    assert gone in found.message
    assert "`kubectl -n team logs nemotron-x -c probe --previous`" in found.message
    crashed = trouble("CrashLoopBackOff", ended="Error", exit_code=1, last_words="OSError: no port", restarts=1)
    assert "OSError: no port" in told(replace(crashed, container=PROBE_CONTAINER)).message
    assert explain(replace(trouble("PodInitializing"), container=PROBE_CONTAINER)) is None


def ended(run_seconds: int | None, exit_code: int, *, restarts: int = 1, waiting: str = "") -> ContainerTrouble:
    """Report an engine that was ended and starts again."""
    reason = "Completed" if exit_code == 0 else "Error"
    run = ContainerRun(run_seconds, BUDGET, GRACE)
    return replace(trouble(waiting, ended=reason, exit_code=exit_code, restarts=restarts), last_run=run)


@pytest.mark.parametrize("exit_code", [0, 137, 143])
@pytest.mark.parametrize("run_seconds", [BUDGET - 2, BUDGET + 3, BUDGET + GRACE + 1])
def test_an_engine_that_was_ended_when_its_budget_was_over_did_not_start_in_time(
    run_seconds: int, exit_code: int
) -> None:
    found = told(ended(run_seconds, exit_code))
    assert (Reason.STARTUP_TIMEOUT, False) == (found.reason, found.needs_human)
    assert "within its start-up budget of 1054 s, and Kubernetes ended it once." in found.message
    assert told(ended(run_seconds, exit_code, restarts=2)).needs_human


@pytest.mark.parametrize(("run_seconds", "after"), [(86_400, " after 24 h"), (700, " after 12 min"), (None, "")])
@pytest.mark.parametrize("exit_code", [0, 137, 143])
def test_an_engine_that_was_ended_at_another_time_hung(run_seconds: int | None, after: str, exit_code: int) -> None:
    found = told(ended(run_seconds, exit_code))
    assert (Reason.ENGINE_HUNG, False) == (found.reason, found.needs_human)
    assert f"ended the engine of pod nemotron-x{after}: " in found.message
    assert "`kubectl -n team logs nemotron-x -c probe`" in found.message
    assert (
        "`kubectl -n team logs nemotron-x --previous`" in told(ended(run_seconds, exit_code), has_probe=False).message
    )


def test_an_engine_that_hangs_once_a_day_is_in_no_loop_and_one_that_is_held_back_is() -> None:
    assert not told(ended(86_400, 137, restarts=9)).needs_human
    assert told(ended(700, 137, restarts=9)).needs_human
    assert told(ended(86_400, 137, restarts=9, waiting="CrashLoopBackOff")).needs_human


def test_what_an_engine_said_counts_more_than_that_it_was_ended() -> None:
    said = replace(ended(BUDGET + 3, 137), last_message="RuntimeError: NCCL error: unhandled system error")
    assert Reason.NCCL_FAILED is told(said).reason


@pytest.mark.parametrize(("reason", "exit_code"), [("OOMKilled", 137), ("ContainerStatusUnknown", 137), ("Error", 1)])
def test_other_ends_are_not_those_of_a_probe(reason: str, exit_code: int) -> None:
    found = explain(replace(ended(BUDGET + 3, exit_code), last_reason=reason))
    assert (Reason.OUT_OF_MEMORY if reason == "OOMKilled" else None) == (found and found.reason)


def test_the_kernel_is_told_of_at_once_and_needs_somebody_when_it_comes_again() -> None:
    once = replace(ended(60, 137), last_reason="OOMKilled")
    assert not told(once).needs_human
    assert "was ended by the kernel once: host memory ran out." in told(once).message
    assert told(replace(once, restarts=2)).needs_human


def test_the_words_of_another_container_are_no_engines() -> None:
    job = replace(trouble(ended="Error", exit_code=3, last_words="[Errno 13] Permission denied", restarts=1),
                  container="download")  # fmt: skip
    assert explain(job) is None
