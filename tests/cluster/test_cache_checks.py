"""Every byte on the volume is read again: on request and on schedule; what differs is told and fetched again."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.cluster import Body, Namespace, RunningOperator, a_resource, wait_until

pytestmark = pytest.mark.usefixtures("operator")

REQUEST = "nemotron.dev/verify-requested-at"
RECORD = "nemotron.dev/cached-model"

DAMAGED = {
    "outcome": "Failed",
    "reason": "Damaged",
    "message": "1 of 42 files is damaged: model-00003-of-00015.safetensors.",
    "retryable": False,
}
UNREADABLE = {
    "outcome": "Failed",
    "reason": "NotReadable",
    "message": "The volume gives an input/output error.",
    "retryable": False,
}

FETCH_SECONDS = "2.5"
"""A download that ends in the second in which damage was found would count as older than that."""

LONG_FETCH_SECONDS = "10"
"""A repair that lasts while a test looks at several things: `Damaged` is told until it ends."""


def _checked(
    report: dict[str, Any] | None = None,
    seconds: str = "1",
    fetch_seconds: str = FETCH_SECONDS,
    **spec: Any,  # noqa: ANN401 - any field of the spec
) -> Body:
    """Make a resource whose checks end so."""
    annotations = {"lab.nemotron.dev/check-seconds": seconds, "lab.nemotron.dev/fetch-seconds": fetch_seconds}
    if report is not None:
        annotations["lab.nemotron.dev/check"] = json.dumps(report)
    return a_resource(**{"podTemplate": {"annotations": annotations}, **spec})


def _ask(namespace: Namespace, name: str = "nemotron", *, at: str | None = None) -> None:
    """Ask for a check as a user does, once a second has passed since the last verification."""
    verified_at = _verified_at(namespace, name)
    wait_until("a second has passed", lambda: _now() > verified_at)
    namespace.kubectl("annotate", "--overwrite", f"nemo/{name}", f"{REQUEST}={at or _now()}")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _verified_at(namespace: Namespace, name: str = "nemotron") -> str:
    resource = namespace.get("nemo", name)
    assert resource is not None
    verified_at: str = (resource["status"].get("cache") or {}).get("verifiedAt", "")
    return verified_at


def _checks(namespace: Namespace) -> list[Body]:
    return [job for job in namespace.list("job") if "-check-" in job["metadata"]["name"]]


def _download(namespace: Namespace, name: str = "nemotron") -> Body | None:
    jobs = [job for job in namespace.list("job") if job["metadata"]["name"].startswith(f"{name}-cache-")]
    return jobs[0] if jobs else None


def _record(namespace: Namespace) -> dict[str, Any] | None:
    (claim,) = namespace.list("pvc")
    text = claim["metadata"].get("annotations", {}).get(RECORD)
    return json.loads(text) if text else None


def _servers(namespace: Namespace) -> dict[str, int]:
    """Name the serving pods and the generation of their Deployment: nothing of it may move."""
    server = namespace.get("deployment", "nemotron")
    assert server is not None
    pods = namespace.list("pod", "nemotron.dev/component=server")
    return {pod["metadata"]["uid"]: server["metadata"]["generation"] for pod in pods}


def _events(namespace: Namespace, reason: str) -> list[Body]:
    events = namespace.list("events.events.k8s.io")
    return [
        event for event in events if event["reason"] == reason and event["regarding"]["kind"] == "NemotronDeployment"
    ]


def test_a_request_reads_the_volume_once_and_the_volume_tells_when(namespace: Namespace) -> None:
    namespace.apply(_checked(seconds="2"))
    namespace.wait_until_ready()
    before, record, servers = _verified_at(namespace), _record(namespace), _servers(namespace)
    assert record is not None

    _ask(namespace)

    (check,) = wait_until("it is checked", lambda: _checks(namespace))
    assert ["verify"] == check["spec"]["template"]["spec"]["containers"][0]["args"][:1]
    assert "Serving" == _reason(namespace, "Ready")
    wait_until("the time is told", lambda: _verified_at(namespace) > before)
    wait_until("the Job is gone", lambda: not _checks(namespace))
    after = _record(namespace)
    assert after is not None
    assert {**record, "verified_at": after["verified_at"]} == after
    assert after["verified_at"] == _verified_at(namespace)
    assert servers == _servers(namespace)
    assert "Serving" == _reason(namespace, "Ready")


def test_damage_is_told_and_fetched_again_while_what_serves_goes_on(namespace: Namespace) -> None:
    namespace.apply(_checked(DAMAGED, fetch_seconds=LONG_FETCH_SECONDS))
    namespace.wait_until_ready()
    servers, old = _servers(namespace), _download(namespace)
    assert old is not None

    _ask(namespace)

    cached = namespace.wait_for_reason("nemotron", "ModelCached", "Damaged")
    available = namespace.condition("nemotron", "Available")
    assert "model-00003-of-00015.safetensors" in cached["message"]
    assert available is not None
    assert "True" == available["status"]
    assert servers == _servers(namespace)
    assert 1 == len(_checks(namespace))
    assert _record(namespace) is None
    namespace.wait_until_ready()
    new = _download(namespace)
    assert new is not None
    assert old["metadata"]["uid"] != new["metadata"]["uid"]
    assert _record(namespace) is not None
    wait_until("the evidence is gone", lambda: not _checks(namespace))
    assert servers == _servers(namespace)
    (event,) = _events(namespace, "Damaged")
    assert "Warning" == event["type"]


def test_a_resource_that_shares_the_volume_reads_the_damage_from_it(namespace: Namespace) -> None:
    slowly = {"annotations": {"lab.nemotron.dev/fetch-seconds": LONG_FETCH_SECONDS}}
    finder = _checked(DAMAGED, fetch_seconds=LONG_FETCH_SECONDS, cache={"accessModes": ["ReadWriteMany"]})
    other = a_resource("other", cache={"accessModes": ["ReadWriteMany"]}, podTemplate=slowly)
    namespace.apply(finder, other)
    namespace.wait_until_ready()
    namespace.wait_until_ready("other")

    _ask(namespace)

    namespace.wait_for_reason("nemotron", "ModelCached", "Damaged")
    namespace.kubectl("annotate", "nemo/other", "look=again")
    namespace.wait_for_reason("other", "ModelCached", "Damaged")
    namespace.wait_until_ready()
    namespace.wait_until_ready("other")


def test_a_check_that_cannot_be_made_is_told_and_takes_nothing_away(namespace: Namespace) -> None:
    namespace.apply(_checked(UNREADABLE))
    namespace.wait_until_ready()
    record = _record(namespace)

    _ask(namespace)

    wait_until("it is told", lambda: "input/output error" in _message(namespace, "ModelCached"))
    assert ("Cached", "Serving") == (_reason(namespace, "ModelCached"), _reason(namespace, "Ready"))
    assert record == _record(namespace)


def test_a_request_that_is_no_time_is_ignored_and_told(namespace: Namespace) -> None:
    namespace.apply(_checked())
    namespace.wait_until_ready()
    _ask(namespace, at="tomorrow")
    wait_until("it is told", lambda: "'tomorrow'" in _message(namespace, "ModelCached"))
    assert "Serving" == _reason(namespace, "Ready")
    assert [] == _checks(namespace)


def test_a_schedule_reads_what_was_verified_too_long_ago(namespace: Namespace, operator: RunningOperator) -> None:
    namespace.apply(_checked())
    namespace.wait_until_ready()
    (claim,), record, before = namespace.list("pvc"), _record(namespace), _verified_at(namespace)
    assert record is not None
    operator.component.stop()  # while it runs, nobody changes its records
    long_ago = (datetime.now(UTC) - timedelta(days=8)).strftime("%Y-%m-%dT%H:%M:%SZ")
    aged = json.dumps({**record, "verified_at": long_ago}, sort_keys=True)
    namespace.patch("pvc", claim["metadata"]["name"], {"metadata": {"annotations": {RECORD: aged}}})
    namespace.patch("nemo", "nemotron", {"spec": {"cache": {"verify": "Schedule"}}})
    operator.restart()
    operator.wait_until_synced()

    # The status tells the time of the download until the operator has read the record, and then that of long ago.
    wait_until("it is verified", lambda: _verified_at(namespace) > before)

    wait_until("the Job is gone", lambda: not _checks(namespace))
    assert "Serving" == _reason(namespace, "Ready")


def test_a_suspended_model_is_checked_although_no_pod_is_there_to_run_beside(namespace: Namespace) -> None:
    namespace.apply(_checked(suspend=True))
    namespace.wait_for_reason("nemotron", "Ready", "Suspended")
    before = _verified_at(namespace)
    _ask(namespace)
    wait_until("the time is told", lambda: _verified_at(namespace) > before)


def test_a_check_before_the_start_is_part_of_the_pod(namespace: Namespace) -> None:
    namespace.apply(_checked(cache={"verify": "OnStart"}))
    namespace.wait_until_ready()
    (pod,) = namespace.list("pod", "nemotron.dev/component=server")
    check, probe = pod["spec"]["initContainers"]
    assert ("verify-weights", "probe") == (check["name"], probe["name"])
    assert ["nemotron-volume"] == check["command"]


def _reason(namespace: Namespace, kind: str) -> str | None:
    condition = namespace.condition("nemotron", kind)
    return condition["reason"] if condition else None


def _message(namespace: Namespace, kind: str) -> str:
    condition = namespace.condition("nemotron", kind)
    return condition["message"] if condition else ""
