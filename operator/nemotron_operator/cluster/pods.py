"""Live pods to what is told of them. Pure: what it reads was fetched before."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from nemotron_operator.api.conditions import rfc3339
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.kinds import ENDED_PHASES
from nemotron_operator.cluster.observation import JobReport, find_condition, parse_report
from nemotron_operator.constants import DEPLOYMENT_LABEL
from nemotron_operator.render.adapter_list import LOADER_CONTAINER
from nemotron_operator.render.metadata import REVISION_LABEL
from nemotron_operator.render.pods import (
    ENGINE_CONTAINER,
    GROUP_KEY_LABEL,
    OWN_CONTAINERS,
    PROBE_CONTAINER,
    START_CHECK_CONTAINER,
)
from nemotron_operator.status.observed_pods import (
    KILLED_EXIT_CODES,
    ContainerRun,
    ContainerTrouble,
    FailedPod,
    JobFailure,
    ObservedPod,
)

DEFAULT_PERIOD_SECONDS, DEFAULT_FAILURES, DEFAULT_GRACE_SECONDS = 10, 3, 30
"""What the API server fills in."""


def observe_pods(pods: Iterable[KubernetesObject]) -> tuple[ObservedPod, ...]:
    """Read the pods that are meant to stay: not those that go, nor those that ended and wait to be collected."""
    return tuple(observe_pod(pod) for pod in pods if not _is_leaving(pod) and _phase_of(pod) not in ENDED_PHASES)


def observe_ending_pods(pods: Iterable[KubernetesObject]) -> tuple[ObservedPod, ...]:
    """Read the pods of groups that go since a container of theirs ended: LeaderWorkerSet makes the whole group anew."""
    return tuple(observe_pod(pod) for pod in pods if _is_leaving(pod) and has_ended_container(pod))


def list_leaving_pods(pods: Iterable[KubernetesObject]) -> tuple[str, ...]:
    """List the names of those that were told to go and still hold what they asked for on their node."""
    staying = (pod for pod in pods if _is_leaving(pod) and _phase_of(pod) not in ENDED_PHASES)
    return tuple(sorted(pod["metadata"]["name"] for pod in staying if (pod.get("spec") or {}).get("nodeName")))


def has_ended_container(pod: KubernetesObject) -> bool:
    """Tell whether the engine of a pod ended by itself: not with its pod, nor because that was told to go."""
    trouble = _find_trouble(pod) if _phase_of(pod) not in ENDED_PHASES else None
    if trouble is None or not trouble.ends:
        return False
    has_begun_anew = trouble.ends > trouble.has_just_ended
    return has_begun_anew or not _is_leaving(pod) or _has_ended_before_it_was_told(pod, trouble.container)


def observe_failed_pods(pods: Iterable[KubernetesObject]) -> tuple[FailedPod, ...]:
    """Read the pods that ended for ever, the oldest first, such as those that a node evicted or refused.

    A pod that was told to go and is out of reach is one of them, though it stays: nobody is there to end it.
    """
    seen = list(pods)
    failed = [_observe_failed_pod(pod) for pod in seen if not _is_leaving(pod) and _phase_of(pod) == "Failed"]
    lost = [_observe_lost_pod(pod) for pod in seen if _is_lost(pod)]
    return tuple(sorted([*failed, *lost], key=lambda pod: pod.ended_at))


def _is_leaving(pod: KubernetesObject) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _has_ended_before_it_was_told(pod: KubernetesObject, container: str) -> bool:
    """Compare the seconds in which a container ended and its pod was told to go."""
    told_at = _read_told_at(pod)
    own = (each for each in _list_statuses(pod["status"]) if each["name"] == container)
    ends = ((each.get("state") or {}).get("terminated") or {} for each in own)
    return any(_is_before(end, told_at) for end in ends if end.get("finishedAt"))


def _read_told_at(pod: KubernetesObject) -> datetime:
    """Read when a pod was told to go, which is a grace before it has to be gone."""
    metadata = pod["metadata"]
    grace = timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)
    return datetime.fromisoformat(metadata["deletionTimestamp"]) - grace


def _is_before(end: Mapping[str, Any], told_at: datetime) -> bool:
    """Within one second, an end that nobody asked for came first."""
    ended_at = datetime.fromisoformat(end["finishedAt"])
    return ended_at < told_at or (ended_at == told_at and end.get("exitCode") not in KILLED_EXIT_CODES)


def _is_lost(pod: KubernetesObject) -> bool:
    return _is_leaving(pod) and _phase_of(pod) not in ENDED_PHASES and _is_out_of_reach(pod)


def _phase_of(pod: KubernetesObject) -> str:
    return str((pod.get("status") or {}).get("phase"))


def observe_pod(pod: KubernetesObject) -> ObservedPod:
    """Read one pod, whatever becomes of it."""
    status, labels = pod.get("status") or {}, pod["metadata"].get("labels") or {}
    scheduled = find_condition(status, "PodScheduled")
    unschedulable = scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable"
    return ObservedPod(
        name=pod["metadata"]["name"],
        revision=labels.get(REVISION_LABEL, ""),
        created_at=pod["metadata"].get("creationTimestamp", ""),
        ready=find_condition(status, "Ready").get("status") == "True",
        unschedulable=scheduled.get("message", "no node fits.") if unschedulable else "",
        trouble=_find_trouble(pod),
        model_image=_read_model_image(pod),
        node=(pod.get("spec") or {}).get("nodeName") or "",
        deployment=labels.get(DEPLOYMENT_LABEL, ""),
        has_probe=any(each["name"] == PROBE_CONTAINER for each in _list_container_specs(pod)),
        is_out_of_reach=_is_out_of_reach(pod),
        group=labels.get(GROUP_KEY_LABEL, ""),
        is_held_back=scheduled.get("reason") == "SchedulingGated",
        unready=_read_unready(status),
    )


def _read_unready(status: Mapping[str, Any]) -> str:
    """Read why a pod is not ready whose engine has served since its last start; empty while it is on its way.

    That its startup probe has passed says only that it listens. What was ready since then served.
    """
    ready, containers = find_condition(status, "Ready"), status.get("containerStatuses") or []
    engine = next((each for each in containers if each["name"] == ENGINE_CONTAINER), None)
    running = (engine.get("state") or {}).get("running") if engine and engine.get("started") else None
    if ready.get("status") != "False" or running is None:
        return ""
    since, started_at = ready.get("lastTransitionTime") or "", running.get("startedAt") or ""
    # Times of the same clock and form, so that they compare as text.
    has_served = not since or since > started_at
    return (ready.get("message") or "it does not say why") if has_served else ""


def _observe_lost_pod(pod: KubernetesObject) -> FailedPod:
    metadata = pod["metadata"]
    labels = metadata.get("labels") or {}
    return FailedPod(
        name=metadata["name"],
        revision=labels.get(REVISION_LABEL, ""),
        reason="NodeLost",
        message="",
        ended_at=rfc3339(_read_told_at(pod)),
        node=(pod.get("spec") or {}).get("nodeName") or "",
        group=labels.get(GROUP_KEY_LABEL, ""),
        is_lost=True,
    )


def _observe_failed_pod(pod: KubernetesObject) -> FailedPod:
    status, metadata = pod["status"], pod["metadata"]
    ends = [((each.get("state") or {}).get("terminated") or {}).get("finishedAt") for each in _list_statuses(status)]
    return FailedPod(
        name=metadata["name"],
        revision=(metadata.get("labels") or {}).get(REVISION_LABEL, ""),
        reason=status.get("reason") or "",
        message=status.get("message") or "",
        # A pod that a node refused has never run.
        ended_at=max([end for end in ends if end], default=metadata.get("creationTimestamp", "")),
        node=(pod.get("spec") or {}).get("nodeName") or "",
    )


def _is_out_of_reach(pod: KubernetesObject) -> bool:
    """Tell whether the node lifecycle controller marked the pod, and not its kubelet: its containers still read ready.

    Source: kubernetes/pkg/controller/util/node/controller_utils.go, MarkPodsNotReady and SetPodTerminationReason.
    """
    status = pod.get("status") or {}
    ready = find_condition(status, "Ready")
    is_marked = ready.get("status") == "False" and not ready.get("reason")
    are_running = find_condition(status, "ContainersReady").get("status") == "True"
    return status.get("reason") == "NodeLost" or (is_marked and are_running)


def _read_model_image(pod: KubernetesObject) -> str:
    volumes = (pod.get("spec") or {}).get("volumes") or []
    return next((volume["image"].get("reference", "") for volume in volumes if "image" in volume), "")


def _find_trouble(pod: KubernetesObject) -> ContainerTrouble | None:
    """Find how the pod's own container fares; what keeps it from starting comes first."""
    status = pod.get("status") or {}
    for container in status.get("initContainerStatuses") or []:
        if container["name"] == START_CHECK_CONTAINER and _is_kept(container):
            return _read_start_check(_read_trouble(pod, container))
        if container["name"] in {PROBE_CONTAINER, LOADER_CONTAINER} and "running" not in (container.get("state") or {}):
            return _read_trouble(pod, container)
    containers = status.get("containerStatuses") or []
    return next((_read_trouble(pod, own) for own in containers if own["name"] in OWN_CONTAINERS), None)


def _is_kept(container: Mapping[str, Any]) -> bool:
    state = container.get("state") or {}
    return "running" not in state and (state.get("terminated") or {}).get("exitCode") != 0


def _read_start_check(trouble: ContainerTrouble) -> ContainerTrouble:
    report = parse_report(trouble.last_message, JobReport)
    failure = JobFailure(report.reason, report.message) if report and report.outcome == "Failed" else None
    return replace(trouble, is_start_check=True, check_failure=failure)


def _read_trouble(pod: KubernetesObject, container: Mapping[str, Any]) -> ContainerTrouble:
    state = container.get("state") or {}
    waiting, just_ended = state.get("waiting") or {}, state.get("terminated") or {}
    ended = just_ended or (container.get("lastState") or {}).get("terminated") or {}
    return ContainerTrouble(
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        last_reason=ended.get("reason", ""),
        last_exit_code=ended.get("exitCode") or 0,
        last_message=ended.get("message", ""),
        restarts=container.get("restartCount") or 0,
        container=container["name"],
        has_just_ended=bool(just_ended),
        last_run=_read_run(pod, container["name"], ended),
        ended_at=ended.get("finishedAt") or "",
    )


def _read_run(pod: KubernetesObject, name: str, ended: Mapping[str, Any]) -> ContainerRun:
    probe = next((each.get("startupProbe") for each in _list_container_specs(pod) if each["name"] == name), None)
    pod_grace = (pod.get("spec") or {}).get("terminationGracePeriodSeconds") or DEFAULT_GRACE_SECONDS
    if probe is None:
        return ContainerRun(_count_seconds(ended), None, pod_grace)
    period = probe.get("periodSeconds") or DEFAULT_PERIOD_SECONDS
    waits = (probe.get("failureThreshold") or DEFAULT_FAILURES) * period + (probe.get("initialDelaySeconds") or 0)
    return ContainerRun(_count_seconds(ended), waits, probe.get("terminationGracePeriodSeconds") or pod_grace)


def _count_seconds(ended: Mapping[str, Any]) -> int | None:
    try:
        begin, end = (datetime.fromisoformat(ended[key]) for key in ("startedAt", "finishedAt"))
        return round((end - begin).total_seconds())
    except (KeyError, TypeError, ValueError):
        # A container that was never started has no times, or those of the epoch's beginning.
        return None


def _list_container_specs(pod: KubernetesObject) -> Iterator[Mapping[str, Any]]:
    spec = pod.get("spec") or {}
    yield from spec.get("initContainers") or []
    yield from spec.get("containers") or []


def _list_statuses(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from status.get("initContainerStatuses") or []
    yield from status.get("containerStatuses") or []
