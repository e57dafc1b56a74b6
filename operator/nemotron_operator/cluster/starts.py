"""How long a start took, from what was asked to Ready, by the times that conditions and pods carry. No I/O.

Only a start that was seen from its beginning is told: after a change of leader nobody knows when a spec that stood
there was asked for, and what is told twice or from the middle would be no measurement.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nemotron_operator.api.conditions import ConditionType, Reason
from nemotron_operator.cluster.cache import Key, KubernetesObject, ObjectCache, component_of, key_of
from nemotron_operator.cluster.guard import Guard, unguarded
from nemotron_operator.cluster.kinds import POD
from nemotron_operator.cluster.observation import find_condition
from nemotron_operator.render.metadata import REVISION_LABEL, SERVER_COMPONENT
from nemotron_operator.render.pods import ENGINE_CONTAINER, START_CHECK_CONTAINER

Phases = dict[str, float]
"""Seconds by phase. One that did not happen, or cannot be told from another, is not there."""


@dataclass(slots=True)
class _Start:
    """What is remembered of one resource."""

    uid: str
    seen: KubernetesObject | None
    """What was looked at last; the cache never changes an object, it takes over another."""
    asked: Mapping[str, Any]
    """The spec, without what changes no pod."""
    begun_at: datetime | None
    """When what is on its way was asked for; None where nothing is, or nobody saw it."""
    is_partial: bool
    """Whether a start is on its way that began before anybody looked."""
    revision: str | None
    """The revision that should serve, as it was told last."""
    served_revision: str | None = None
    """The revision that was Ready last: it does not become so for the first time again."""


class StartTracker:
    """Follows each resource from what was asked to Ready."""

    def __init__(self, cache: ObjectCache) -> None:
        self._cache = cache
        self._starts: dict[Key, _Start] = {}
        self._has_looked = False

    def look(self, bodies: Iterable[KubernetesObject], now: datetime, guard: Guard = unguarded) -> list[Phases]:
        """Look at all resources there are, and forget the others; return the starts that ended since the last look."""
        ended: list[Phases] = []
        present: set[Key] = set()
        for body in bodies:
            key = key_of(body)
            present.add(key)
            with guard(key):
                phases = self.take(body, now)
                if phases:
                    ended.append(phases)
        self._starts = {key: start for key, start in self._starts.items() if key in present}
        self._has_looked = True
        return ended

    def list_begun(self) -> dict[Key, datetime]:
        """List the starts that are on their way, with when each was asked for; those that nobody saw begin are not."""
        return {key: start.begun_at for key, start in self._starts.items() if start.begun_at is not None}

    def take(self, body: KubernetesObject, now: datetime) -> Phases | None:
        """Look at one resource; return how long its start took if that has just ended."""
        start = self._starts.get(key_of(body))
        if start is None or start.uid != body["metadata"].get("uid", ""):
            start = self._starts[key_of(body)] = self._begin(body)
        if start.seen is body:
            return None
        start.seen = body
        self._note_changes(start, body, now)
        if not is_ready(body):
            return None
        is_first_time = start.revision != start.served_revision
        begun_at, is_whole = start.begun_at, not start.is_partial
        start.begun_at, start.is_partial, start.served_revision = None, False, start.revision
        if begun_at is None or not is_whole or not is_first_time:
            return None
        namespace, name = key_of(body)
        return measure_start(begun_at, body, self._cache.list_children(POD, namespace, name))

    def _begin(self, body: KubernetesObject) -> _Start:
        # What somebody has acted on already is no new resource: its namespace can be read again.
        # -1 is the definition's default.
        is_new = self._has_looked and (body.get("status") or {}).get("observedGeneration", -1) < 1
        return _Start(
            uid=body["metadata"].get("uid", ""),
            seen=None,
            asked=_read_asked(body),
            begun_at=_parse(body["metadata"].get("creationTimestamp")) if is_new else None,
            is_partial=not is_new and not is_ready(body),
            revision=_read_revision(body),
        )

    @staticmethod
    def _note_changes(start: _Start, body: KubernetesObject, now: datetime) -> None:
        asked, revision = _read_asked(body), _read_revision(body)
        if asked != start.asked:
            start.asked, start.begun_at, start.is_partial = asked, now, False
        if revision is not None and revision != start.revision:
            # Without a change of the spec: somebody took over new defaults, or the revision before.
            start.begun_at = start.begun_at or now
            start.revision = revision


def is_ready(body: KubernetesObject) -> bool:
    """Tell whether what is asked now serves."""
    status = body.get("status") or {}
    generation, revision = body["metadata"].get("generation"), status.get("desiredRevision")
    return (
        find_condition(status, ConditionType.READY).get("status") == "True"
        and status.get("observedGeneration") == generation
        and revision is not None
        and status.get("servingRevision") == revision
    )


def measure_start(begun_at: datetime, body: KubernetesObject, pods: Iterable[KubernetesObject]) -> Phases:
    """Measure the phases of a start that has just ended.

    Of several replicas the one counts that was ready last: nobody waited for the others.
    """
    status = body.get("status") or {}
    begun_at = begun_at.replace(microsecond=0)  # as precise as the times that it meets
    planned_at = _find_transition(status, ConditionType.PLANNED)
    cached_at = _find_transition(status, ConditionType.MODEL_CACHED)
    verified = find_condition(status, ConditionType.VERIFIED)
    verified_at = (
        _find_transition(status, ConditionType.VERIFIED) if verified.get("reason") == Reason.VERIFIED else None
    )
    pod = _find_last_pod(pods, status.get("desiredRevision"))
    pod_ready_at = _find_transition(pod.get("status") or {}, "Ready") if pod else None
    spans = {
        "plan": (begun_at, planned_at),
        "cache": (max(begun_at, planned_at or begun_at), cached_at),
        "verify": (pod_ready_at, verified_at),
        "total": (begun_at, _find_transition(status, ConditionType.READY)),
    }
    phases = {phase: _count_seconds(begin, end) for phase, (begin, end) in spans.items()}
    phases |= _measure_pod(pod, pod_ready_at) if pod else {}
    # What was so before it was asked for took no time, and clocks of nodes differ.
    return {phase: seconds for phase, seconds in phases.items() if seconds is not None and seconds >= 0}


def _measure_pod(pod: KubernetesObject, ready_at: datetime | None) -> dict[str, float | None]:
    """Measure what one pod did; where its engine was started again, pulling and loading cannot be told apart."""
    status = pod.get("status") or {}
    created_at = _parse(pod["metadata"].get("creationTimestamp"))
    scheduled_at = _find_transition(status, "PodScheduled")
    phases: dict[str, float | None] = {"schedule": _count_seconds(created_at, scheduled_at)}
    engine = _find_container(status.get("containerStatuses"), ENGINE_CONTAINER)
    started_at = _parse(((engine.get("state") or {}).get("running") or {}).get("startedAt"))
    check = _find_container(status.get("initContainerStatuses"), START_CHECK_CONTAINER)
    ended_check = (check.get("state") or {}).get("terminated") or {}
    if engine.get("restartCount") or check.get("restartCount"):
        return phases
    check_seconds = _count_seconds(_parse(ended_check.get("startedAt")), _parse(ended_check.get("finishedAt"))) or 0.0
    until_engine, until_ready = _count_seconds(scheduled_at, started_at), _count_seconds(started_at, ready_at)
    if until_engine is not None:
        phases["pull"] = until_engine - check_seconds
    if until_ready is not None:
        phases["load"] = until_ready + check_seconds
    return phases


def _find_last_pod(pods: Iterable[KubernetesObject], revision: str | None) -> KubernetesObject | None:
    ready = [
        (ready_at, pod["metadata"]["name"], pod)
        for pod in pods
        if component_of(pod) == SERVER_COMPONENT
        and (pod["metadata"].get("labels") or {}).get(REVISION_LABEL) == revision
        and (ready_at := _find_transition(pod.get("status") or {}, "Ready")) is not None
    ]
    return max(ready)[2] if ready else None


def _find_transition(status: Mapping[str, Any], kind: str) -> datetime | None:
    """Find when a condition became true; None where it is not."""
    condition = find_condition(status, kind)
    return _parse(condition.get("lastTransitionTime")) if condition.get("status") == "True" else None


def _find_container(statuses: Iterable[Mapping[str, Any]] | None, name: str) -> Mapping[str, Any]:
    return next((each for each in statuses or () if each["name"] == name), {})


def _parse(moment: str | None) -> datetime | None:
    return datetime.fromisoformat(moment) if moment else None


def _count_seconds(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else (end - begin).total_seconds()


def _read_asked(body: KubernetesObject) -> dict[str, Any]:
    """Read the spec without the replicas: another number of them begins no start, and ends none."""
    return {field: value for field, value in (body.get("spec") or {}).items() if field != "replicas"}


def _read_revision(body: KubernetesObject) -> str | None:
    revision: str | None = (body.get("status") or {}).get("desiredRevision")
    return revision
