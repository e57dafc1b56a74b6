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
from tests.node.serving.test_drain import ANSWER, DRAIN_SECONDS, LoadedService, nothing_is_lost
from tests.node.serving.test_serving import START_SECONDS, Served
from tests.node.serving.test_trouble import SERVERS
from tests.support.cluster import Namespace
from tests.support.steady_load import SteadyLoad

NEW_DEFAULT = "--no-enable-prefix-caching"
"""What the platform team now wants of every engine on its nodes."""


def test_an_upgrade_restarts_no_engine_and_adopting_it_loses_no_question(namespace: Namespace, hub: Hub) -> None:
    engine = {"sampling": {"maxTokens": ANSWER.max_tokens}}
    namespace.apply(tiny_resource(hub, engine=engine, rollout={"drainSeconds": DRAIN_SECONDS}))
    served = Served(namespace, namespace.wait_until_ready("tiny", START_SECONDS))
    before, revision = _describe_engines(namespace), served.resource["status"]["servingRevision"]
    with new_defaults(namespace.plane), SteadyLoad(served.url, "tiny") as load:
        waiting = namespace.wait_for_reason("tiny", "UpdateAvailable", "NewDefaults", INSTALL_SECONDS)
        assert "True" == waiting["status"]
        assert NEW_DEFAULT in waiting["message"]
        assert revision == namespace.wait_until_ready("tiny")["status"]["servingRevision"]
        assert before == _describe_engines(namespace)

        with nothing_is_lost(LoadedService(namespace, load), stopped=1):
            nemoctl(namespace, "adopt", "tiny", "-n", namespace.name, "--wait", f"--timeout={2 * START_SECONDS}")
        ((_, restarts, arguments),) = _describe_engines(namespace)
        assert (0, True) == (restarts, NEW_DEFAULT in arguments)
        assert namespace.condition("tiny", "UpdateAvailable") is None
        rollout = namespace.wait_until_ready("tiny")["status"]["rollout"]
        assert "Surge" == rollout["strategy"]
        assert "one more replica needs 1" in rollout["message"]


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
