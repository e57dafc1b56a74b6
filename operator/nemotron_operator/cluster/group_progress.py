"""Tell whether groups of pods are late, and whether anybody makes them: LeaderWorkerSet has no deadline of its own."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from nemotron_operator.api.conditions import rfc3339
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.observation import find_condition, observe_server
from nemotron_operator.render.metadata import PROGRESS_DEADLINE_ANNOTATION, read_revision, read_revision_of
from nemotron_operator.status.observed_servers import ObservedServer

ANSWER_SECONDS = 60
"""How long the controller of LeaderWorkerSet may take to see a change: it takes a moment, and minutes to move."""

_A_MOMENT_SECONDS = 1
"""How long after a time it is certainly over."""


def observe_groups(server: KubernetesObject, leaders: Iterable[KubernetesObject], now: datetime) -> ObservedServer:
    """Read how far a LeaderWorkerSet is, and how late.

    Parameters
    ----------
    leaders
        The pods that serve, of any revision.
    """
    seen = observe_server(server)
    begun_at = _find_begin(server, leaders) if seen.is_observed else None
    late_at = _find_deadline(server, begun_at)
    silent_at = None if seen.is_observed else _find_silence(server)
    coming = [at for at in (late_at, silent_at) if at is not None and at >= now]
    is_late = begun_at is not None and late_at is not None and late_at < now
    return replace(
        seen,
        deadline_message=_tell_lateness(server, begun_at) if is_late and begun_at is not None else "",
        is_unanswered=silent_at is not None and silent_at < now,
        seconds_to_deadline=(min(coming) - now).total_seconds() + _A_MOMENT_SECONDS if coming else None,
    )


def _find_begin(server: KubernetesObject, leaders: Iterable[KubernetesObject]) -> datetime | None:
    """Find since when the groups change or start; None where all are ready.

    Notes
    -----
    Of its two conditions LeaderWorkerSet 0.9 dates only one anew when another revision follows (`setConditions` in
    pkg/controllers/leaderworkerset_controller.go stops at the first that changed), and none when a group is made anew.
    """
    status = server.get("status") or {}
    progressing, updating = (find_condition(status, kind) for kind in ("Progressing", "UpdateInProgress"))
    if progressing.get("status") != "True":
        return None
    revision = read_revision(server)
    own = [leader["metadata"] for leader in leaders if read_revision_of(leader) == revision]
    times = [progressing.get("lastTransitionTime"), updating.get("lastTransitionTime")]
    return max(_read_times([*times, *(metadata.get("creationTimestamp") for metadata in own)]), default=None)


def _find_deadline(server: KubernetesObject, begun_at: datetime | None) -> datetime | None:
    """Find when the groups are late, which may start one after the other."""
    seconds = (server["metadata"].get("annotations") or {}).get(PROGRESS_DEADLINE_ANNOTATION, "")
    if begun_at is None or not seconds.isdecimal():
        return None
    return begun_at + timedelta(seconds=int(seconds) * max(1, server["spec"].get("replicas") or 0))


def _find_silence(server: KubernetesObject) -> datetime | None:
    """Find when a change has waited too long for the controller; None for what goes, and where no time is known."""
    metadata = server["metadata"]
    if "deletionTimestamp" in metadata:
        return None
    changes = [entry for entry in metadata.get("managedFields") or [] if entry.get("subresource") != "status"]
    changed_at = max(
        _read_times([metadata.get("creationTimestamp"), *(one.get("time") for one in changes)]), default=None
    )
    return None if changed_at is None else changed_at + timedelta(seconds=ANSWER_SECONDS)


def _tell_lateness(server: KubernetesObject, begun_at: datetime) -> str:
    return f"Not all groups of LeaderWorkerSet {server['metadata']['name']!r} are ready, since {rfc3339(begun_at)}."


def _read_times(texts: Iterable[object]) -> Iterator[datetime]:
    """Read times of the API; what is none is left out."""
    for text in texts:
        try:
            read = datetime.fromisoformat(str(text))
        except ValueError:
            continue
        if read.tzinfo is not None:
            yield read
