"""What the chart makes for the Prometheus Operator, on a real API server with that operator's own definitions."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.control_plane import ControlPlane
from lab.served_definitions import wait_until_served
from tests.support.cluster import Namespace, refusal_of
from tests.support.helm import CHART, Body, Helm, read_objects

DEFINITIONS = Path(__file__).parents[1] / "support" / "monitoring_definitions"

KINDS = ("ServiceMonitor", "PodMonitor", "PrometheusRule")


@pytest.fixture(scope="module")
def objects(plane: ControlPlane) -> Iterator[dict[str, Body]]:
    """The objects by kind, in a cluster that knows them until the last test has seen them."""
    plane.kubectl("apply", "--server-side", "-f", str(DEFINITIONS))
    wait_until_served(plane, plane.kubectl("get", "-f", str(DEFINITIONS), "-o", "name").split())
    helm = Helm(plane.binaries.helm, plane.directory / "helm")
    rendered = read_objects(helm.render(f"--values={CHART / 'ci' / 'everything-on-values.yaml'}"))
    yield {kind: body for (kind, _), body in rendered.items() if kind in KINDS}
    plane.kubectl("delete", "--ignore-not-found", "--timeout=60s", "-f", str(DEFINITIONS))


def dry_run(namespace: Namespace, body: Body) -> str:
    placed = {**body, "metadata": {**body["metadata"], "namespace": namespace.name}}
    strictly = ("--server-side", "--dry-run=server", "--validate=strict")
    return namespace.kubectl("apply", *strictly, "-f", "-", input=json.dumps(placed))


@pytest.mark.parametrize("kind", KINDS)
def test_the_prometheus_operators_own_definition_takes_it(
    objects: dict[str, Body], namespace: Namespace, kind: str
) -> None:
    assert "serverside-applied (server dry run)" in dry_run(namespace, objects[kind])


def test_a_field_that_there_is_not_is_refused(objects: dict[str, Body], namespace: Namespace) -> None:
    """The test above would see it."""
    wrong = {**objects["PodMonitor"], "spec": {**objects["PodMonitor"]["spec"], "podMetricEndpoints": []}}
    assert "podMetricEndpoints" in refusal_of(lambda: dry_run(namespace, wrong))
