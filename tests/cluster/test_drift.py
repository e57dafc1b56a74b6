"""Drift is repaired once it is seen, long before the next resync, and nothing is written where nothing differs."""

import time
from collections.abc import Callable

import pytest

from tests.support.cluster import Namespace, RunningOperator, a_resource, wait_until, wait_until_alone

pytestmark = pytest.mark.usefixtures("operator")


@pytest.mark.parametrize("kind", ["deployment", "service", "serviceaccount"])
def test_a_deleted_child_comes_back(kind: str, namespace: Namespace) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()
    before = namespace.get(kind, "nemotron")
    assert before is not None

    namespace.kubectl("delete", kind, "nemotron", "--wait=false")

    namespace.wait_until_replaced(kind, before)
    namespace.wait_until_ready()


def test_what_somebody_changes_around_the_pods_is_brought_back(namespace: Namespace) -> None:
    namespace.apply(a_resource(replicas=2))
    namespace.wait_until_ready()

    for kind in ("serviceaccount", "poddisruptionbudget"):
        namespace.change_until_repaired(kind)


def test_a_finished_job_that_is_deleted_is_not_needed_again_and_the_model_stays_ready(namespace: Namespace) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()
    (job,) = namespace.list("job", "nemotron.dev/deployment=nemotron")

    namespace.kubectl("delete", "job", job["metadata"]["name"])
    time.sleep(2)

    ready = namespace.condition("nemotron", "Ready")
    assert ready is not None
    assert ("True", []) == (ready["status"], namespace.list("job"))


def test_a_volume_that_was_deleted_is_filled_again(namespace: Namespace) -> None:
    namespace.apply(a_resource())
    claim = namespace.wait_until_ready()["status"]["cache"]["claimName"]
    (job,) = namespace.list("job")

    namespace.patch("nemo", "nemotron", {"spec": {"replicas": 0}})  # a volume in use is not deleted
    wait_until("no pod serves", lambda: not namespace.list("pod", "nemotron.dev/component=server"))
    namespace.kubectl("delete", "pod", "-l", "nemotron.dev/component=cache")
    time.sleep(1.1)  # times in the API have whole seconds
    namespace.kubectl("delete", "pvc", claim)

    def is_filled_again() -> bool:
        jobs = [item for item in namespace.list("job") if item["metadata"]["uid"] != job["metadata"]["uid"]]
        return bool(jobs) and jobs[0]["status"].get("succeeded") == 1

    wait_until("another job has filled the volume", is_filled_again)
    namespace.wait_for_reason("nemotron", "ModelCached", "Cached")


def _edit_args(namespace: Namespace) -> None:
    namespace.kubectl(
        "patch",
        "deployment",
        "nemotron",
        "--type=json",
        "-p",
        '[{"op":"replace","path":"/spec/template/spec/containers/0/args/3","value":"--port=1"}]',
    )


def _scale(namespace: Namespace) -> None:
    namespace.kubectl("scale", "deployment", "nemotron", "--replicas=7")


def _edit_service(namespace: Namespace) -> None:
    namespace.patch("service", "nemotron", {"spec": {"selector": {"nemotron.dev/deployment": "other"}}})


def _unlabel(namespace: Namespace) -> None:
    namespace.kubectl("label", "deployment", "nemotron", "app.kubernetes.io/managed-by-")


@pytest.mark.parametrize("edit", [_edit_args, _scale, _edit_service, _unlabel], ids=lambda edit: edit.__name__)
def test_an_edited_child_is_put_right(edit: Callable[[Namespace], None], namespace: Namespace) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()
    before = [_intent(namespace, kind) for kind in ("deployment", "service")]

    edit(namespace)

    wait_until("the edit is undone", lambda: before == [_intent(namespace, k) for k in ("deployment", "service")])


def test_a_field_of_somebody_else_is_left_alone(namespace: Namespace) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()

    namespace.kubectl("annotate", "deployment", "nemotron", "team.example/note=ours")
    namespace.kubectl("delete", "service", "nemotron", "--wait=false")

    wait_until("the service is back", lambda: namespace.get("service", "nemotron"))
    deployment = namespace.get("deployment", "nemotron")
    assert deployment is not None
    assert deployment["metadata"]["annotations"]["team.example/note"] == "ours"


def test_at_rest_nothing_is_written(namespace: Namespace, operator: RunningOperator) -> None:
    wait_until_alone(namespace)
    namespace.apply(a_resource(), a_resource("second"))
    namespace.wait_until_ready()
    namespace.wait_until_ready("second")
    time.sleep(1)  # events of the last transition
    before = operator.count_writes()

    time.sleep(10)

    assert operator.count_writes() - before == 0


def test_a_restart_with_everything_in_place_writes_nothing(namespace: Namespace, operator: RunningOperator) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()
    wait_until_alone(namespace)
    versions = [_version(namespace, kind) for kind in ("deployment", "service", "nemo", "serviceaccount")]

    operator.component.stop()
    operator.restart()
    operator.wait_until_synced()
    time.sleep(3)

    assert versions == [_version(namespace, kind) for kind in ("deployment", "service", "nemo", "serviceaccount")]
    assert operator.count_writes() == 0


def _intent(namespace: Namespace, kind: str) -> object:
    live = namespace.get(kind, "nemotron") or {"spec": {}, "metadata": {}}
    spec = {key: value for key, value in live["spec"].items() if key != "clusterIP"}
    return spec, live["metadata"].get("labels")


def _version(namespace: Namespace, kind: str) -> str:
    live = namespace.get(kind, "nemotron")
    return live["metadata"]["resourceVersion"] if live else ""
