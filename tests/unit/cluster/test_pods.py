from typing import Any

import pytest

from nemotron_operator.cluster.pods import observe_failed_pods, observe_pods
from nemotron_operator.render.adapter_list import LOADER_CONTAINER
from nemotron_operator.render.pods import ENGINE_CONTAINER, GROUP_KEY_LABEL, PROBE_CONTAINER, START_CHECK_CONTAINER
from nemotron_operator.status.observed_pods import ContainerRun, FailedPod, ObservedPod
from tests.support.fixtures.live_objects import a_container, a_live_pod, condition

JSON = dict[str, Any]

ENDED = {
    "reason": "Error",
    "exitCode": 1,
    "startedAt": "2026-11-24T07:00:00Z",
    "finishedAt": "2026-11-24T07:10:30Z",
}


def a_server(**status: object) -> JSON:
    """Report a serving pod as its kubelet does, with the probes that are rendered into it."""
    pod = a_live_pod()
    probe = {"periodSeconds": 2, "failureThreshold": 300, "terminationGracePeriodSeconds": 25}
    pod["spec"] = {
        "nodeName": "h100-0",
        "terminationGracePeriodSeconds": 165,
        "initContainers": [{"name": START_CHECK_CONTAINER}, {"name": PROBE_CONTAINER, "restartPolicy": "Always"}],
        "containers": [{"name": ENGINE_CONTAINER, "startupProbe": probe}],
    }
    pod["status"] |= {
        "containerStatuses": [a_container(ENGINE_CONTAINER, running={"startedAt": "2026-11-24T07:00:00Z"})],
        **status,
    }
    return pod


def observe(pod: JSON) -> ObservedPod:
    (observed,) = observe_pods([pod])
    return observed


def test_where_a_pod_is_and_whose_it_is_are_read() -> None:
    pod = observe(a_server())
    assert ("h100-0", "nemotron", True) == (pod.node, pod.deployment, pod.has_probe)


def test_the_last_run_is_held_against_what_the_pods_own_probe_waits() -> None:
    again = a_container(ENGINE_CONTAINER, 1, running={"startedAt": "2026-11-24T07:11:00Z"}, last=ENDED)
    trouble = observe(a_server(containerStatuses=[again])).trouble
    assert trouble is not None
    assert ContainerRun(630, 600, 25) == trouble.last_run
    assert (1, False) == (trouble.ends, trouble.has_just_ended)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"startupProbe": None}, ContainerRun(630, None, 165)),
        ({"startupProbe": {"initialDelaySeconds": 5}}, ContainerRun(630, 35, 165)),
    ],
)
def test_a_pod_of_another_making_has_the_defaults_of_the_api_server(changes: JSON, expected: ContainerRun) -> None:
    pod = a_server(containerStatuses=[a_container(ENGINE_CONTAINER, terminated=ENDED)])
    pod["spec"]["containers"][0] |= changes
    trouble = observe(pod).trouble
    assert trouble is not None
    assert expected == trouble.last_run
    assert (1, True) == (trouble.ends, trouble.has_just_ended)


@pytest.mark.parametrize("times", [{}, {"startedAt": None, "finishedAt": None}, {"startedAt": "never"}])
def test_a_container_that_never_ran_has_no_run(times: JSON) -> None:
    ended = {"reason": "StartError", "exitCode": 128, **times}
    trouble = observe(a_server(containerStatuses=[a_container(ENGINE_CONTAINER, terminated=ended)])).trouble
    assert trouble is not None
    assert trouble.last_run.seconds is None


def test_the_sidecar_that_does_not_run_comes_before_the_engine_that_waits_for_it() -> None:
    waiting = {"reason": "CrashLoopBackOff"}
    sidecar = a_container(PROBE_CONTAINER, 3, waiting=waiting, last={"reason": "StartError", "exitCode": 128})
    engine = a_container(ENGINE_CONTAINER, waiting={"reason": "PodInitializing"})
    pod = observe(a_server(initContainerStatuses=[sidecar], containerStatuses=[engine]))
    assert pod.trouble is not None
    assert (PROBE_CONTAINER, "StartError", 4) == (pod.trouble.container, pod.trouble.last_reason, pod.trouble.ends)


def test_the_loader_that_does_not_run_comes_before_the_engine_that_no_client_reaches() -> None:
    probe = a_container(PROBE_CONTAINER, running={"startedAt": "2026-11-24T07:00:00Z"})
    loader = a_container(LOADER_CONTAINER, 2, waiting={"reason": "CrashLoopBackOff"}, last=ENDED)
    pod = observe(a_server(initContainerStatuses=[probe, loader]))
    assert pod.trouble is not None
    assert (LOADER_CONTAINER, 3) == (pod.trouble.container, pod.trouble.ends)


def test_the_engine_is_told_of_while_the_sidecar_runs() -> None:
    checked = a_container(START_CHECK_CONTAINER, terminated={"exitCode": 0, "reason": "Completed"})
    sidecar = a_container(PROBE_CONTAINER, running={"startedAt": "2026-11-24T07:00:00Z"})
    pod = observe(a_server(initContainerStatuses=[checked, sidecar]))
    assert pod.trouble is not None
    assert ENGINE_CONTAINER == pod.trouble.container


@pytest.mark.parametrize(
    ("ready", "containers", "is_out_of_reach"),
    [
        (condition("Ready", "True"), "True", False),
        (condition("Ready", "False", "ContainersNotReady"), "False", False),
        (condition("Ready", "False", "ReadinessGatesNotReady"), "True", False),
        (condition("Ready", "False"), "True", True),
    ],
)
def test_a_pod_whose_node_was_given_up_still_has_ready_containers(
    ready: JSON,
    containers: str,
    is_out_of_reach: bool,  # noqa: FBT001 - a column
) -> None:
    pod = a_server(conditions=[ready, condition("ContainersReady", containers)])
    assert is_out_of_reach == observe(pod).is_out_of_reach


def an_evicted_pod(name: str, finished_at: str | None) -> JSON:
    ended = {**ENDED, "finishedAt": finished_at}
    containers = [a_container(ENGINE_CONTAINER, terminated=ended)] if finished_at else []
    said = {"reason": "Evicted", "message": "The node was low on resource: memory.", "phase": "Failed"}
    pod = a_server(containerStatuses=containers, **said)
    pod["metadata"]["name"] = name
    return pod


def test_pods_that_ended_for_ever_are_read_in_the_order_of_their_ends() -> None:
    late, early = an_evicted_pod("late", "2026-11-24T09:00:00Z"), an_evicted_pod("early", "2026-11-24T08:00:00Z")
    leaving = an_evicted_pod("leaving", "2026-11-24T08:30:00Z")
    leaving["metadata"]["deletionTimestamp"] = "2026-11-24T08:31:00Z"
    words = ("abc", "Evicted", "The node was low on resource: memory.")
    expected = (
        FailedPod("early", *words, "2026-11-24T08:00:00Z", "h100-0"),
        FailedPod("late", *words, "2026-11-24T09:00:00Z", "h100-0"),
    )
    assert expected == observe_failed_pods([late, early, leaving, a_server()])
    assert () == observe_pods([late, early, leaving])


def test_a_pod_that_a_node_refused_ended_when_it_began() -> None:
    (refused,) = observe_failed_pods([an_evicted_pod("refused", None)])
    assert "2026-11-24T07:55:00Z" == refused.ended_at


STARTED_AT, BEFORE, LATER = "2026-11-01T07:00:00Z", "2026-11-01T06:59:58Z", "2026-11-24T07:00:00Z"


def an_unready_server(since: str, *, started: bool = True, state: str = "running", status: str = "False") -> JSON:
    times = {"startedAt": STARTED_AT, "exitCode": 1, "finishedAt": LATER}
    engine = {**a_container(ENGINE_CONTAINER, 2, last=ENDED, **{state: times}), "started": started}
    ready = condition("Ready", status, "ContainersNotReady", "containers with unready status: [vllm]")
    return a_server(conditions=[{**ready, "lastTransitionTime": since}], containerStatuses=[engine])


def test_an_engine_that_was_ready_since_it_started_has_served_and_is_unready() -> None:
    assert "containers with unready status: [vllm]" == observe(an_unready_server(LATER)).unready
    silent = an_unready_server(LATER)
    del silent["status"]["conditions"][0]["message"]
    assert observe(silent).unready


@pytest.mark.parametrize(
    "pod",
    [
        an_unready_server(LATER, started=False),
        an_unready_server(BEFORE),
        an_unready_server(STARTED_AT),
        an_unready_server(LATER, state="terminated"),
        an_unready_server(LATER, state="waiting"),
        an_unready_server(LATER, status="True"),
        a_server(),
    ],
    ids=["loads", "warms up", "warms up at once", "ended", "waits", "serves", "says nothing"],
)
def test_an_engine_that_has_not_been_ready_since_it_started_is_on_its_way(pod: JSON) -> None:
    assert "" == observe(pod).unready


def a_lost_pod(name: str = "lost", *, group: str = "") -> JSON:
    lost = a_server(conditions=[condition("Ready", "False"), condition("ContainersReady")])
    lost["metadata"] |= {"name": name, "deletionTimestamp": "2026-11-24T08:02:45Z", "deletionGracePeriodSeconds": 165}
    lost["metadata"]["labels"] |= {GROUP_KEY_LABEL: group} if group else {}
    return lost


def test_a_pod_that_was_told_to_go_and_cannot_as_its_node_is_lost_stays_known() -> None:
    leaving = a_server(conditions=[condition("Ready", "False", "ContainersNotReady"), condition("ContainersReady")])
    leaving["metadata"]["deletionTimestamp"] = "2026-11-24T08:00:00Z"
    lost = [a_lost_pod(), a_lost_pod("leader", group="g")]
    told_at = "2026-11-24T08:00:00Z"
    expected = (
        FailedPod("lost", "abc", "NodeLost", "", told_at, "h100-0", is_lost=True),
        FailedPod("leader", "abc", "NodeLost", "", told_at, "h100-0", group="g", is_lost=True),
    )
    assert expected == observe_failed_pods([*lost, leaving])
    assert () == observe_pods([*lost, leaving])
