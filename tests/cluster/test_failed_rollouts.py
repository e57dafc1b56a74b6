"""A rollout that fails leaves what serves alone, or gives it back, and says so; a good spec ends it."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import Body, Namespace, RunningOperator, wait_until, wait_until_alone
from tests.support.gpu_pool import POOL_KEY, GpuPool
from tests.support.kstatus import Verdict, judge
from tests.support.watching import watched

pytestmark = pytest.mark.usefixtures("operator")

SERVERS = "nemotron.dev/component=server"
SMALL = {"tensor": 2}


def _played(outcome: str, message: str = "") -> dict[str, Any]:
    return {"annotations": {"lab.nemotron.dev/outcome": outcome, "lab.nemotron.dev/message": message}}


CRASHING = _played("crash-loop", "ValueError: nobody knows why")

FAILING: dict[str, dict[str, Any]] = {
    "CrashLoop": CRASHING,
    "ImagePullFailed": _played("image-pull-backoff"),
    "Unschedulable": {"nodeSelector": {POOL_KEY: "no-such-pool"}},
}
"""What a spec adds to the pods, so that they fail, by the reason that is told."""


def _status(namespace: Namespace) -> dict[str, Any]:
    resource = namespace.get("nemo", "nemotron")
    assert resource is not None
    status: dict[str, Any] = resource["status"]
    return status


def _conditions(namespace: Namespace) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in _status(namespace)["conditions"]}


@dataclass(frozen=True)
class Start:
    """What serves before a bad spec comes."""

    replicas: int
    strategy: str
    survivors: int
    """Replicas that have to serve at every moment."""

    def make(self, pool: GpuPool, **spec: object) -> Body:
        """Make the resource."""
        return pool.a_resource(replicas=self.replicas, parallelism=SMALL, rollout={"strategy": self.strategy}, **spec)


BESIDE, IN_PLACE = Start(1, "Surge", survivors=1), Start(3, "Replace", survivors=2)


@pytest.mark.parametrize("reason", FAILING)
@pytest.mark.parametrize("start", [BESIDE, IN_PLACE], ids=["beside", "in place"])
def test_old_replicas_serve_while_new_ones_fail_until_a_good_spec_comes(
    start: Start, reason: str, pool: GpuPool, namespace: Namespace, tmp_path: Path
) -> None:
    pool.add_node()
    namespace.apply(start.make(pool))
    before = namespace.wait_until_ready()["status"]["servingRevision"]

    with watched(namespace, "pod", SERVERS, tmp_path / "pods") as pods:
        namespace.apply(start.make(pool, podTemplate=FAILING[reason]))
        namespace.wait_for_reason("nemotron", "Ready", reason)
        failing, conditions = _status(namespace), _conditions(namespace)
        namespace.apply(start.make(pool, engine={"maxModelLen": 8192}))
        healed = namespace.wait_until_ready()["status"]

    assert (("False", reason), ("True", "Serving")) == (conditions["Ready"], conditions["Available"])
    assert before == failing["servingRevision"]
    assert before != failing["desiredRevision"]
    assert healed["desiredRevision"] == healed["servingRevision"]
    assert start.replicas == healed["readyReplicas"]
    assert start.survivors <= failing["readyReplicas"]
    assert start.survivors == min(pods.count_ready())


class FailedInPlace:
    """The only replica, replaced in place by one that cannot start."""

    def __init__(self, pool: GpuPool, namespace: Namespace) -> None:
        self.pool, self.namespace = pool, namespace
        pool.add_node()
        self.apply()
        self.before: str = namespace.wait_until_ready()["status"]["servingRevision"]
        self.apply(podTemplate=CRASHING)
        self.wait_until_back()
        self.failed: str = _status(namespace)["desiredRevision"]

    def apply(self, **spec: object) -> None:
        self.namespace.apply(self.pool.a_resource(parallelism=SMALL, rollout={"strategy": "Replace"}, **spec))

    def wait_until_back(self) -> None:
        def look() -> bool:
            status = _status(self.namespace)
            is_back = status.get("servingRevision") not in {None, status["desiredRevision"]}
            return is_back and _conditions(self.namespace)["Ready"] == ("False", "CrashLoop")

        wait_until("the revision before serves again", look)

    def pods_made(self) -> set[str]:
        return {pod["metadata"]["name"] for pod in self.namespace.list("pod", SERVERS)}


@pytest.fixture
def failed(pool: GpuPool, namespace: Namespace) -> FailedInPlace:
    """A rollout that failed and was taken back."""
    return FailedInPlace(pool, namespace)


def test_the_only_replica_comes_back_when_the_one_in_its_place_fails(
    failed: FailedInPlace, namespace: Namespace, operator: RunningOperator
) -> None:
    status, conditions = _status(namespace), _conditions(namespace)
    (message,) = (each["message"] for each in status["conditions"] if each["type"] == "Ready")
    resource = namespace.get("nemo", "nemotron")
    assert resource is not None

    assert (failed.before, 1) == (status["servingRevision"], status["readyReplicas"])
    assert ("True", "CrashLoop") == conditions["Stalled"]
    assert ("True", "Serving") == conditions["Available"]
    assert Verdict.FAILED is judge(resource)
    assert failed.failed in message
    assert "ValueError: nobody knows why" in message
    assert f"nemoctl restart nemotron -n {namespace.name}" in message
    wait_until_alone(namespace)
    pods, writes = failed.pods_made(), operator.count_writes()
    time.sleep(3)
    assert (pods, writes) == (failed.pods_made(), operator.count_writes())


def test_a_restart_tries_a_failed_revision_once_more(failed: FailedInPlace, namespace: Namespace) -> None:
    pods = failed.pods_made()

    namespace.nemoctl("restart", "nemotron", "-n", namespace.name)

    wait_until("it is another revision", lambda: _status(namespace)["desiredRevision"] != failed.failed)
    wait_until("the replica that served makes room", lambda: not pods & failed.pods_made())
    failed.wait_until_back()
    again = _status(namespace)
    (message,) = (each["message"] for each in again["conditions"] if each["type"] == "Ready")
    assert again["desiredRevision"] in message


def test_a_new_spec_ends_a_failed_rollout(failed: FailedInPlace, namespace: Namespace) -> None:
    failed.apply(engine={"maxModelLen": 8192})

    healed = namespace.wait_until_ready()
    assert healed["status"]["desiredRevision"] == healed["status"]["servingRevision"]
    assert not {failed.before, failed.failed} & {healed["status"]["servingRevision"]}
    assert {"Stalled", "Reconciling"}.isdisjoint(_conditions(namespace))


def test_a_rollback_ends_a_failed_rollout_without_new_pods(failed: FailedInPlace, namespace: Namespace) -> None:
    pods = failed.pods_made()

    said = namespace.nemoctl("rollback", "nemotron", "-n", namespace.name, "--wait")

    assert f"-> revision {failed.before}, number 1" in said
    assert "'nemotron' is ready" in said
    healed = _status(namespace)
    assert (failed.before, failed.before) == (healed["desiredRevision"], healed["servingRevision"])
    assert pods == failed.pods_made()


def test_a_failed_rollout_can_be_suspended_and_resumes_with_what_served(
    failed: FailedInPlace, namespace: Namespace
) -> None:
    namespace.patch("nemo", "nemotron", {"spec": {"suspend": True}})
    namespace.wait_for_reason("nemotron", "Ready", "Suspended")
    wait_until("no pod is left", lambda: not failed.pods_made())
    suspended: Body = _conditions(namespace)

    namespace.patch("nemo", "nemotron", {"spec": {"suspend": False}})
    failed.wait_until_back()

    assert "Stalled" not in suspended
    assert (failed.before, failed.failed) == tuple(
        _status(namespace)[each] for each in ("servingRevision", "desiredRevision")
    )
