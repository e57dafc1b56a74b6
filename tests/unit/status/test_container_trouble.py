from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.api.conditions import Reason
from nemotron_operator.probe import adapter_loader, engine_probe
from nemotron_operator.render.adapter_list import LOADER_CONTAINER
from nemotron_operator.render.pods import PROBE_CONTAINER
from nemotron_operator.status.explanation import Trouble
from nemotron_operator.status.image_causes import find_image_cause
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


@pytest.mark.parametrize(
    "said",
    [
        "unexpected status from HEAD request to https://registry.example.com/v2/vllm/manifests/v0: 502 Bad Gateway",
        "received unexpected HTTP status: 503 Service Unavailable",
        "failed with status code [manifests v0]: 504 Gateway Timeout",
        "invalid status code from registry 503 (Service Unavailable)",
        "error parsing HTTP 502 response body: invalid character",
    ],
)
def test_a_registry_that_answers_with_an_error_of_its_own_is_tried_again(said: str) -> None:
    assert "the registry does not answer" in find_image_cause(PULLING + said).sentence


@given(st.text("0123456789abcdef", min_size=64, max_size=64), st.sampled_from(["401", "403", "429", "502", "503"]))
def test_numbers_in_the_name_of_an_image_are_no_answers_of_its_registry(digest: str, number: str) -> None:
    for image in (
        f"registry.example.com/vllm@sha256:{digest}",
        f"registry.example.com/vllm@sha256:{number}{digest[3:]}",
        f"registry.example.com/vllm@sha256:{digest[:30]}{number}{digest[33:]}",
        f"registry.example.com:{number}/vllm:v{number}",
        f"registry.example.com:5{number}/vllm:{number}",
        f"registry.example.com/vllm-{number}:0.{number}",
    ):
        said = f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": {image}: not found'
        assert "the registry has no such image" in find_image_cause(said).sentence


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


def read_refused(environment: dict[str, str]) -> str:
    with pytest.raises(SystemExit) as ended:
        engine_probe.read_key(environment)
    return str(ended.value)


ROTATED, WITH_A_LINE_END = {"VLLM_API_KEY": "sk-very-secret"}, {"VLLM_API_KEY": "sk-very-secret\n"}


@pytest.mark.parametrize("container", [PROBE_CONTAINER, LOADER_CONTAINER])
@pytest.mark.parametrize(
    ("said", "words"),
    [
        (engine_probe.explain_refusal(ROTATED), ["has changed since one of the two started"]),
        (adapter_loader.explain_refusal(ROTATED), ["has changed since one of the two started"]),
        (engine_probe.explain_refusal(WITH_A_LINE_END), ["no API key that a client can send", "`printf %s`"]),
        (read_refused({"VLLM_API_KEY": "two words"}), ["no API key that a client can send", "Put the key alone"]),
    ],
)
def test_a_sidecar_whose_key_is_refused_again_and_again_is_told_with_the_way_out(
    container: str, said: str, words: list[str]
) -> None:
    log = f"2026-11-26T12:00:00Z first-answer: /health answers 200\n2026-11-26T12:00:01Z {said}\n"
    again = trouble("CrashLoopBackOff", ended="Error", exit_code=1, last_words=log, restarts=1)
    found = told(replace(again, container=container))
    assert (Reason.PROBE_FAILED, True) == (found.reason, found.needs_human)
    assert all(each in found.message for each in [*words, "spec.apiKeySecretRef", "`nemoctl restart"])
    assert "-n team`" in found.message
    assert "sk-very-secret" not in found.message


@pytest.mark.parametrize("container", [PROBE_CONTAINER, LOADER_CONTAINER])
def test_a_sidecar_that_takes_another_key_once_needs_nobody(container: str) -> None:
    words = engine_probe.explain_refusal(ROTATED)
    once = replace(trouble(ended="Error", exit_code=1, last_words=words), container=container, has_just_ended=True)
    assert explain(once) is None
    waits = trouble("PodInitializing", ended="Error", exit_code=1, last_words=words, restarts=3)
    assert explain(replace(waits, container=container)) is None


def test_a_loader_that_ends_again_and_again_is_told_with_its_log() -> None:
    again = trouble("CrashLoopBackOff", ended="Error", exit_code=1, last_words="OSError: no port", restarts=1)
    found = told(replace(again, container=LOADER_CONTAINER))
    assert (Reason.CRASH_LOOP, True) == (found.reason, found.needs_human)
    assert "OSError: no port" in found.message
    assert f"`kubectl -n team logs nemotron-x --container={LOADER_CONTAINER} --previous`" in found.message


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


HISTORY = trouble(ended="Error", exit_code=1, last_words="RuntimeError: CUDA error: out of memory", restarts=2)

UNREADY = "containers with unready status: [vllm]"


def explain_unready(in_trouble: ContainerTrouble, *, group: str = "") -> Trouble | None:
    pod = replace(a_pod(name="nemotron-x", in_trouble=in_trouble), unready=UNREADY, has_probe=True, group=group)
    return explain_pods([pod], "team")


@pytest.mark.parametrize("in_trouble", [HISTORY, trouble()], ids=["it ended at its first start", "it never ended"])
def test_an_engine_that_has_served_and_is_not_ready_is_told_as_such(in_trouble: ContainerTrouble) -> None:
    found = explain_unready(in_trouble)
    assert found is not None
    assert (Reason.ENGINE_UNREADY, False) == (found.reason, found.needs_human)
    assert "Pod nemotron-x has served and is not ready at the moment: containers with unready" in found.message
    assert "`kubectl -n team logs nemotron-x -c probe`" in found.message


def test_an_engine_that_starts_again_is_judged_by_how_it_ended() -> None:
    found = explain(HISTORY)
    assert found is not None
    assert (Reason.CUDA_OUT_OF_MEMORY, True) == (found.reason, found.needs_human)


def test_a_probe_that_does_not_run_says_more_than_that_nobody_answers() -> None:
    gone = trouble("CrashLoopBackOff", ended="Error", exit_code=1, last_words="OSError: no port", restarts=2)
    found = explain_unready(replace(gone, container=PROBE_CONTAINER))
    assert Reason.PROBE_FAILED == (found and found.reason)
    once = replace(gone, waiting_reason="", restarts=1, container=PROBE_CONTAINER)
    found = explain_unready(once)
    assert Reason.ENGINE_UNREADY == (found and found.reason)


def test_an_end_in_a_group_is_never_history_as_the_group_is_made_anew() -> None:
    found = explain_unready(HISTORY, group="g")
    assert Reason.CUDA_OUT_OF_MEMORY == (found and found.reason)
    found = explain_unready(trouble(), group="g")
    assert Reason.ENGINE_UNREADY == (found and found.reason)
    assert explain_unready(trouble(ended="Error", exit_code=1, restarts=1), group="g") is None
