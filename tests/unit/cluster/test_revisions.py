from typing import Any

import pytest

from nemotron_operator.cluster.revisions import read_live_server, read_pinned_revision, read_records, read_restart
from nemotron_operator.plan.rollout import FailedRevision, Strategy
from nemotron_operator.rollout.facts import LivePod
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.live_objects import a_live_object, a_live_pod, condition, controlled_by

JSON = dict[str, Any]
IDENTITY = a_deployment().parsed.identity
GPU = "nvidia.com/gpu"
TEMPLATE: JSON = {"metadata": {"labels": {"nemotron.dev/revision": "r2"}}, "spec": {"containers": []}}


def a_record(base_revision: str = "0a", number: int = 1, **changes: Any) -> JSON:  # noqa: ANN401 - any field of a record
    labels = {"nemotron.dev/inputs": "i"}
    record = a_live_object(
        "ControllerRevision", f"nemotron-{base_revision}", labels=labels, owner=changes.get("owner", controlled_by())
    )
    record["metadata"]["annotations"] = changes.get("annotations", {"nemotron.dev/operator-version": "0.1.0"})
    return {**record, "revision": number, "data": changes.get("data", {"spec": {"replicas": 1}, "template": TEMPLATE})}


def a_server(**changes: Any) -> JSON:  # noqa: ANN401 - any field of a Deployment
    server = a_live_object("Deployment", "nemotron", owner=controlled_by())
    server["metadata"] |= {"generation": 4, "annotations": changes.get("annotations", {})}
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": changes.get("surge", 0), "maxUnavailable": 1}}
    spec = {"replicas": changes.get("replicas", 1), "template": TEMPLATE, "strategy": rolling}
    return {**server, "spec": spec, "status": {"observedGeneration": changes.get("observed", 4)}}


def on_node(pod: JSON, gpus: int = 2, **metadata: str) -> JSON:
    volume = {"name": "models", "persistentVolumeClaim": {"claimName": "c"}}
    container = {"name": "vllm", "resources": {"limits": {GPU: str(gpus)}}}
    spec = {"nodeName": "h100-0", "containers": [container], "volumes": [volume]}
    return {**pod, "metadata": {**pod["metadata"], **metadata}, "spec": spec}


def test_records_are_read_the_newest_last() -> None:
    records = read_records(IDENTITY, [a_record("0b", 7), a_record("0a", 3)])
    assert [("0a", 3, "i", "0.1.0"), ("0b", 7, "i", "0.1.0")] == [
        (record.base_revision, record.number, record.inputs, record.operator_version) for record in records
    ]
    assert (TEMPLATE, {"replicas": 1}) == (records[0].template, records[0].spec)


def test_what_became_of_a_record_is_read() -> None:
    failed = '{"message": "It crashes.", "reason": "CrashLoop", "revision": "r"}'
    annotations = {"nemotron.dev/failed": failed, "nemotron.dev/served-at": "2026-11-24T08:00:00Z"}
    (record,) = read_records(IDENTITY, [a_record(annotations=annotations)])
    assert (True, FailedRevision("r", "CrashLoop", "It crashes.")) == (record.has_served, record.failed)


@pytest.mark.parametrize(
    "foreign",
    [
        a_record(owner=controlled_by(uid="earlier")),
        a_record(owner=controlled_by("web", kind="StatefulSet")),
        a_record(owner=None),
        a_record(data=None),
        a_record(data={"template": "text"}),
        a_record(data={"template": {"metadata": {}}}),
    ],
    ids=["of an earlier resource", "of a StatefulSet", "of nobody", "empty", "no template", "half a template"],
)
def test_what_we_did_not_write_is_left_out(foreign: JSON) -> None:
    assert () == read_records(IDENTITY, [foreign])


@pytest.mark.parametrize("nonsense", ["", "{", "[]", '{"revision": 1}', "null"])
def test_a_failure_that_cannot_be_read_is_none(nonsense: str) -> None:
    (record,) = read_records(IDENTITY, [a_record(annotations={"nemotron.dev/failed": nonsense})])
    assert record.failed is None


def test_a_deployment_is_settled_once_all_its_pods_are_of_its_template_and_ready() -> None:
    serving = a_live_pod("a", revision="r2", ready=True)
    assert read_live_server(a_server(), [serving], GPU).is_settled
    assert read_live_server(a_server(replicas=0), [], GPU).is_settled
    assert not read_live_server(a_server(replicas=2), [serving], GPU).is_settled
    assert not read_live_server(a_server(observed=3), [serving], GPU).is_settled
    assert not read_live_server(a_server(), [serving, a_live_pod("b", revision="r1", ready=True)], GPU).is_settled


def test_the_pods_that_hold_something_of_a_node_are_read() -> None:
    leaving = on_node(a_live_pod("a", revision="r1"), 4, deletionTimestamp="2026-11-24T08:00:00Z")
    over = on_node(a_live_pod("b", phase="Failed"))
    waiting = a_live_pod("c", revision="r2")
    live = read_live_server(a_server(), [leaving, over, waiting, on_node(a_live_pod("d", ready=True))], GPU)
    claims = frozenset({"c"})
    expected = (LivePod("h100-0", 4, is_leaving=True, claims=claims), LivePod("h100-0", 2, claims=claims))
    assert (expected, 1) == (live.pods, live.ready_pods)


@pytest.mark.parametrize(
    ("message", "revision", "expected"),
    [(f"3 Insufficient {GPU}.", "r2", True), (f"3 Insufficient {GPU}.", "r1", False), ("3 untolerated", "r2", False)],
)
def test_pods_of_the_template_that_find_no_gpus_are_noticed(message: str, revision: str, *, expected: bool) -> None:
    pod = a_live_pod("a", revision=revision, conditions=[condition("PodScheduled", "False", "Unschedulable", message)])
    assert expected == read_live_server(a_server(), [pod], GPU).is_short_of_gpus


@pytest.mark.parametrize(
    ("annotation", "surge", "expected"),
    [
        ('{"strategy": "Surge", "why": "Room."}', 0, ("Surge", "Room.")),
        ('{"strategy": "Replace"}', 1, ("Replace", "")),
        ('{"strategy": "Faster", "why": "x"}', 1, ("Surge", "")),
        ('{"strategy": []}', 0, ("Replace", "")),
        ("[]", 0, ("Replace", "")),
        ("", "25%", ("Surge", "")),
        ("{", "0%", ("Replace", "")),
    ],
)
def test_how_pods_are_replaced_is_what_was_decided_else_what_is_set(
    annotation: str, surge: int | str, expected: tuple[Strategy, str]
) -> None:
    live = read_live_server(a_server(annotations={"nemotron.dev/rollout": annotation}, surge=surge), [], GPU)
    assert expected == (live.strategy, live.why)


@pytest.mark.parametrize(("value", "expected"), [("x", "x"), ("", None), (None, None)])
def test_wishes_are_read_as_they_were_written(value: str | None, expected: str | None) -> None:
    body = a_deployment().body
    annotations = {} if value is None else {"nemotron.dev/revision": value, "nemotron.dev/restarted-at": value}
    wished = {**body, "metadata": {**body["metadata"], "annotations": annotations}}
    assert (expected, expected) == (read_pinned_revision(wished), read_restart(wished))
    assert (None, None) == (read_pinned_revision(None), read_restart(None))
