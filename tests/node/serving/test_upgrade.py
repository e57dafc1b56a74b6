"""An operator that would render other pods restarts no engine until it is asked to: upgraded by Helm, as users do."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from lab.control_plane import ControlPlane
from lab.hub import Hub
from lab.operator_process import install_chart
from lab.real_operator import INSTALL_SECONDS, OPERATOR_REPLICAS, make_values, tiny_resource
from tests.node.serving.test_air_gap import nemoctl
from tests.node.serving.test_serving import QUESTION, START_SECONDS, Served
from tests.node.serving.test_trouble import SERVERS
from tests.support.cluster import Namespace, wait_until

NEW_DEFAULT = "--no-enable-prefix-caching"
"""What the platform team now wants of every engine on its nodes."""


def test_an_upgrade_restarts_no_engine_until_it_is_adopted(namespace: Namespace, hub: Hub) -> None:
    namespace.apply(tiny_resource(hub, rollout={"drainSeconds": 5}))
    served = Served(namespace, namespace.wait_until_ready("tiny", START_SECONDS))
    before = _describe_engines(namespace)
    revision = served.resource["status"]["servingRevision"]
    with new_defaults(namespace.plane):
        waiting = namespace.wait_for_reason("tiny", "UpdateAvailable", "NewDefaults", INSTALL_SECONDS)
        assert "True" == waiting["status"]
        assert NEW_DEFAULT in waiting["message"]
        assert revision == namespace.wait_until_ready("tiny")["status"]["servingRevision"]
        assert served.connect().chat.completions.create(model="tiny", messages=QUESTION, max_tokens=4).choices
        assert before == _describe_engines(namespace)

        nemoctl(namespace, "adopt", "tiny", "--namespace", namespace.name, "--wait", f"--timeout={2 * START_SECONDS}")
        wait_until("the engine before is gone", lambda: len(_describe_engines(namespace)) == 1, seconds=120)
        ((_, restarts, arguments),) = _describe_engines(namespace)
        assert (0, True) == (restarts, NEW_DEFAULT in arguments)
        assert namespace.condition("tiny", "UpdateAvailable") is None


@contextmanager
def new_defaults(plane: ControlPlane) -> Iterator[None]:
    """Upgrade the operator to another configuration; to the one before when the block ends, for the tests to come."""
    values: dict[str, Any] = deepcopy(dict(make_values(OPERATOR_REPLICAS)))
    values["config"]["accelerators"]["cpu-development"]["engineArgs"].append(NEW_DEFAULT)
    install_chart(plane, values, wait_seconds=INSTALL_SECONDS)
    try:
        yield
    finally:
        install_chart(plane, make_values(OPERATOR_REPLICAS), wait_seconds=INSTALL_SECONDS)


def _describe_engines(namespace: Namespace) -> list[tuple[str, int, list[str]]]:
    """List the pods that serve: which they are, how often anything in them was started again, and how the engine is."""
    return [
        (
            pod["metadata"]["uid"],
            sum(
                container["restartCount"]
                for container in (*pod["status"]["initContainerStatuses"], *pod["status"]["containerStatuses"])
            ),
            pod["spec"]["containers"][0]["args"],
        )
        for pod in namespace.list("pod", SERVERS)
    ]
