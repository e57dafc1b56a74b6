"""The way from `kubectl apply` to Ready, cut into stages that follow each other without a gap. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from nemotron_operator.constants import KIND
from nemotron_operator.render.metadata import CACHE_COMPONENT, SERVER_COMPONENT, VERIFICATION_COMPONENT
from tests.bench.sightings import Find, Sighting, added, container, has_condition, is_ready


class Share(StrEnum):
    """Who spends a stage's time."""

    CLIENT = "kubectl"
    """The program that the user starts."""

    OPERATOR = "operator"
    """Ours: from what it waits for to what it does."""

    SCHEDULE = "schedule"
    """Controllers that make pods, the binding of the volume, the scheduler."""

    CONTAINERS = "containers"
    """Kubelet and runtime: sandboxes, starts, and until a Job is known to have ended."""

    FETCH = "fetch"
    """The downloader's container."""

    LOAD = "load"
    """The engine's container, until it can answer."""

    PROBE = "probe"
    """Until the kubelet has noticed: what the rendered probes decide."""

    VERIFY = "verify"
    """The verifier's container."""


@dataclass(frozen=True)
class Stage:
    """From the end of the stage before to what ends this one."""

    what: str
    share: Share
    end: Find | None
    """None where the measurement itself knows the end."""


HEALTHY = Stage("engine's container started to /health answers", Share.LOAD, None)
"""Its end is seen by asking; no object tells it."""


def _pod_stages(component: str, cause: str, name: str) -> tuple[Stage, Stage]:
    """Cut what Kubernetes does between an object and the container that comes of it."""
    return (
        Stage(f"{cause} to {name} scheduled", Share.SCHEDULE, has_condition("Pod", component, "PodScheduled")),
        Stage(f"{name} scheduled to its container started", Share.CONTAINERS, container(component, "start")),
    )


STAGES = (
    Stage("kubectl apply to resource created", Share.CLIENT, added(KIND)),
    Stage("resource created to cache Job created", Share.OPERATOR, added("Job", CACHE_COMPONENT)),
    *_pod_stages(CACHE_COMPONENT, "cache Job created", "its pod"),
    Stage("cache container started to ended", Share.FETCH, container(CACHE_COMPONENT, "exit")),
    Stage("cache container ended to Job complete", Share.CONTAINERS, has_condition("Job", CACHE_COMPONENT, "Complete")),
    Stage("cache Job complete to Deployment created", Share.OPERATOR, added("Deployment", SERVER_COMPONENT)),
    *_pod_stages(SERVER_COMPONENT, "Deployment created", "its pod"),
    HEALTHY,
    Stage("/health answers to pod ready", Share.PROBE, has_condition("Pod", SERVER_COMPONENT, "Ready")),
    Stage("pod ready to verification Job created", Share.OPERATOR, added("Job", VERIFICATION_COMPONENT)),
    *_pod_stages(VERIFICATION_COMPONENT, "verification Job created", "its pod"),
    Stage("verification container started to ended", Share.VERIFY, container(VERIFICATION_COMPONENT, "exit")),
    Stage(
        "verification container ended to Job complete",
        Share.CONTAINERS,
        has_condition("Job", VERIFICATION_COMPONENT, "Complete"),
    ),
    Stage("verification Job complete to Ready", Share.OPERATOR, is_ready()),
)


class MissingStageError(Exception):
    """Something was never seen, so the way cannot be cut."""


def split(sightings: Sequence[Sighting], applied: float, healthy: float) -> dict[Stage, float]:
    """Cut the way into its stages.

    Parameters
    ----------
    sightings
        One namespace's, in which one resource with one replica became Ready.
    applied
        When kubectl was started.
    healthy
        When the engine answered on /health.

    Returns
    -------
    Seconds of each stage, in their order; together they are the whole way. A stage may be slightly negative: each kind
    of object has a watch of its own, and one may be told sooner than another.
    """
    durations: dict[Stage, float] = {}
    begin = applied
    for stage in STAGES:
        end = healthy if stage.end is None else _require(stage, stage.end(sightings))
        durations[stage] = end - begin
        begin = end
    return durations


def sum_shares(durations: Mapping[Stage, float]) -> dict[Share, float]:
    """Add up the stages of each share."""
    return {share: sum(s for stage, s in durations.items() if stage.share is share) for share in Share}


def _require(stage: Stage, seen: Sighting | None) -> float:
    if seen is None:
        raise MissingStageError(f"the end was never seen: {stage.what}")
    return seen.seconds
