from typing import Any

import pytest

from tests.bench.sightings import Sighting
from tests.bench.split import HEALTHY, STAGES, MissingStageError, Share, split, sum_shares

HEALTHY_AT = 109.0


def _object(kind: str, component: str = "", **status: object) -> dict[str, Any]:
    labels = {"nemotron.dev/component": component} if component else {}
    return {"kind": kind, "metadata": {"name": "tiny", "namespace": "bench", "labels": labels}, "status": status}


def _true(condition: str) -> list[dict[str, str]]:
    return [{"type": condition, "status": "True"}]


def _task(topic: str, container: str) -> Sighting:
    """Sandboxes and commands inside the container are none of ours; the numbers make the times."""
    return Sighting(0, f"/tasks/{topic}", {"kind": "Task", "container_id": container})


def _at(seconds: float, seen: Sighting) -> Sighting:
    return Sighting(seconds, seen.change, seen.body)


def _pod(component: str, **status: object) -> dict[str, Any]:
    return _object("Pod", component, **status)


def _running(component: str) -> dict[str, Any]:
    return _pod(component, containerStatuses=[{"name": "main", "containerID": f"containerd://{component}"}])


def _pod_sightings(component: str, scheduled: float, started: float, told: float) -> list[Sighting]:
    return [
        Sighting(scheduled - 0.1, "ADDED", _pod(component)),
        Sighting(scheduled, "MODIFIED", _pod(component, conditions=_true("PodScheduled"))),
        _at(started - 0.2, _task("start", f"{component}-sandbox")),
        _at(started, _task("start", component)),
        # The kubelet tells it later than it is.
        Sighting(told, "MODIFIED", _running(component)),
    ]


SIGHTINGS = [
    Sighting(100.5, "ADDED", _object("NemotronDeployment")),
    Sighting(100.6, "ADDED", _object("Job", "cache")),
    *_pod_sightings("cache", scheduled=101.0, started=102.0, told=103.5),
    _at(104.0, _task("exit", "cache")),
    Sighting(105.0, "MODIFIED", _object("Job", "cache", conditions=_true("Complete"))),
    Sighting(105.2, "ADDED", _object("Deployment", "server")),
    *_pod_sightings("server", scheduled=105.4, started=106.0, told=107.0),
    Sighting(112.0, "MODIFIED", _pod("server", conditions=_true("Ready"))),
    Sighting(112.3, "ADDED", _object("Job", "verification")),
    *_pod_sightings("verification", scheduled=112.4, started=113.4, told=114.0),
    _at(115.0, _task("exit", "verification")),
    Sighting(116.0, "MODIFIED", _object("Job", "verification", conditions=_true("Complete"))),
    Sighting(116.4, "MODIFIED", _object("NemotronDeployment", conditions=_true("Ready"))),
]


def test_the_stages_together_are_the_whole_way() -> None:
    durations = split(SIGHTINGS, applied=100.0, healthy=HEALTHY_AT)
    assert list(STAGES) == list(durations)
    assert pytest.approx(16.4) == sum(durations.values())


def test_each_share_is_the_sum_of_its_stages() -> None:
    expected = {
        Share.CLIENT: 0.5,
        Share.OPERATOR: 0.1 + 0.2 + 0.3 + 0.4,
        Share.SCHEDULE: 0.4 + 0.2 + 0.1,
        Share.CONTAINERS: 1.0 + 1.0 + 0.6 + 1.0 + 1.0,
        Share.FETCH: 2.0,
        Share.LOAD: 3.0,
        Share.PROBE: 3.0,
        Share.VERIFY: 1.6,
    }
    actual = sum_shares(split(SIGHTINGS, applied=100.0, healthy=HEALTHY_AT))
    assert pytest.approx(expected) == actual


def test_loading_ends_when_the_engine_answers_and_not_when_a_probe_notices() -> None:
    assert pytest.approx(3.0) == split(SIGHTINGS, applied=100.0, healthy=HEALTHY_AT)[HEALTHY]


def test_the_first_time_counts_when_something_is_seen_again() -> None:
    again = Sighting(130.0, "MODIFIED", _object("NemotronDeployment", conditions=_true("Ready")))
    once = split(SIGHTINGS, applied=100.0, healthy=HEALTHY_AT)
    assert once == split([*SIGHTINGS, again], applied=100.0, healthy=HEALTHY_AT)


def test_a_command_inside_a_container_is_not_its_end() -> None:
    command = {"kind": "Task", "container_id": "cache", "id": "a-probe"}
    early = [Sighting(102.5, "/tasks/exit", command), *SIGHTINGS]
    once = split(SIGHTINGS, applied=100.0, healthy=HEALTHY_AT)
    assert once == split(early, applied=100.0, healthy=HEALTHY_AT)


def test_what_was_never_seen_is_named() -> None:
    without = [seen for seen in SIGHTINGS if not (seen.kind == "Job" and seen.change == "ADDED")]
    with pytest.raises(MissingStageError, match="resource created to cache Job created"):
        split(without, applied=100.0, healthy=HEALTHY_AT)
