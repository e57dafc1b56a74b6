"""The PodMonitor and the ServiceMonitor: which labels their series have, and how engines are read."""

from typing import Any

import pytest

from nemotron_operator.constants import COMPONENT_LABEL, DEPLOYMENT_LABEL, MANAGED_BY_LABEL, SERVER_PORT_NAME
from nemotron_operator.render.metadata import SERVER_COMPONENT, WORKER_COMPONENT
from nemotron_operator.render.tls import SCHEME_ANNOTATION
from tests.monitoring.prometheus import Prometheus, TargetAnswer
from tests.monitoring.recordings import ENGINE_TARGET, OPERATOR_TARGET
from tests.support.helm import NAMESPACE, RELEASE, Body, Helm, read_objects

Objects = dict[tuple[str, str], Body]

POD_LABELS = {MANAGED_BY_LABEL: "nemotron-operator", COMPONENT_LABEL: SERVER_COMPONENT, DEPLOYMENT_LABEL: "ready"}


def endpoint_of(rendered: Objects) -> dict[str, Any]:
    (endpoint,) = rendered["PodMonitor", f"{RELEASE}-engines"]["spec"]["podMetricsEndpoints"]
    found: dict[str, Any] = endpoint
    return found


def as_discovered(annotations: dict[str, str]) -> dict[str, str]:
    """Write a pod as Prometheus discovers it, with what the Prometheus Operator adds for every PodMonitor."""
    found = {"pod_label": POD_LABELS, "pod_annotation": annotations}
    meta = {
        f"__meta_kubernetes_{kind}_{key.replace('/', '_').replace('.', '_').replace('-', '_')}": value
        for kind, items in found.items()
        for key, value in items.items()
    }
    added = {"namespace": "models", "container": "vllm", "pod": ENGINE_TARGET["pod"], "endpoint": "http"}
    return {"__address__": ENGINE_TARGET["instance"], "__scheme__": "http", "job": f"{NAMESPACE}/x", **added, **meta}


def discover(prometheus: Prometheus, rendered: Objects, scheme: str | None = None) -> TargetAnswer:
    annotations = {} if scheme is None else {SCHEME_ANNOTATION: scheme}
    return prometheus.relabel(as_discovered(annotations), endpoint_of(rendered)["relabelings"])


def test_the_series_of_an_engine_carry_the_name_of_its_resource(prometheus: Prometheus, rendered: Objects) -> None:
    target = discover(prometheus, rendered)
    assert ("", True) == (target.error, target.kept)
    assert target.labels is not None
    shown = {name: value for name, value in target.labels.items() if not name.startswith("__")}
    # Prometheus itself makes `instance` of the address.
    assert {**shown, "instance": target.labels["__address__"]} == ENGINE_TARGET


@pytest.mark.parametrize(("annotated", "scheme"), [(None, "http"), ("https", "https"), ("ftp", "http")])
def test_an_engine_is_read_as_it_serves(
    prometheus: Prometheus, rendered: Objects, annotated: str | None, scheme: str
) -> None:
    target = discover(prometheus, rendered, annotated)
    assert target.labels is not None
    assert scheme == target.labels["__scheme__"]


def test_engines_are_read_on_their_port_and_no_certificate_is_held_against_an_address(rendered: Objects) -> None:
    endpoint = endpoint_of(rendered)
    assert (SERVER_PORT_NAME, "/metrics") == (endpoint["port"], endpoint["path"])
    assert {"insecureSkipVerify": True} == endpoint["tlsConfig"]


def test_all_engines_of_all_namespaces_are_read_and_none_of_their_workers(rendered: Objects) -> None:
    spec = rendered["PodMonitor", f"{RELEASE}-engines"]["spec"]
    wanted = spec["selector"]["matchLabels"].items()
    assert wanted <= POD_LABELS.items()
    assert not wanted <= {**POD_LABELS, COMPONENT_LABEL: WORKER_COMPONENT}.items()
    assert {"any": True} == spec["namespaceSelector"]


def test_in_the_namespaced_mode_other_namespaces_are_left_alone(helm_4: Helm) -> None:
    values = {"watchNamespaces": ["team-a", "team-b"], "monitoring": {"engines": {"enabled": True}}}
    spec = read_objects(helm_4.render(values=values))["PodMonitor", f"{RELEASE}-engines"]["spec"]
    assert {"matchNames": ["team-a", "team-b"]} == spec["namespaceSelector"]


def test_the_service_of_the_operator_is_the_one_that_is_read(rendered: Objects) -> None:
    spec = rendered["ServiceMonitor", RELEASE]["spec"]
    service = rendered["Service", OPERATOR_TARGET["service"]]
    (endpoint,) = spec["endpoints"]
    assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert {"matchNames": [NAMESPACE]} == spec["namespaceSelector"]


def test_the_operator_says_itself_which_resource_a_series_is_about(rendered: Objects) -> None:
    (endpoint,) = rendered["ServiceMonitor", RELEASE]["spec"]["endpoints"]
    assert endpoint["honorLabels"] is True


def test_nothing_is_made_that_nobody_asked_for(helm_4: Helm) -> None:
    kinds = {kind for kind, _ in read_objects(helm_4.render())}
    assert not kinds & {"PodMonitor", "ServiceMonitor", "PrometheusRule"}


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor", "PrometheusRule"])
def test_prometheus_finds_each_by_the_label_that_it_selects(rendered: Objects, kind: str) -> None:
    (found,) = [body for (its_kind, _), body in rendered.items() if its_kind == kind]
    assert "kube-prometheus-stack" == found["metadata"]["labels"]["release"]


def test_grafanas_sidecar_finds_the_dashboards_and_flux_leaves_their_variables_alone(
    rendered: Objects, dashboards: dict[str, dict[str, Any]]
) -> None:
    for uid in dashboards:
        metadata = rendered["ConfigMap", f"{RELEASE}-{uid}"]["metadata"]
        assert "1" == metadata["labels"]["grafana_dashboard"]
        assert "disabled" == metadata["annotations"]["kustomize.toolkit.fluxcd.io/substitute"]
