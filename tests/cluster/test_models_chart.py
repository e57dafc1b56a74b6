"""Models from the chart on a real API server: Helm 4 waits until they serve, and an uninstall leaves their weights."""

from pathlib import Path
from typing import Any

import pytest

from lab.binaries import find_or_build_helms
from lab.control_plane import ControlPlane, KubectlError
from tests.support.cluster import Namespace, a_resource, wait_until
from tests.support.helm import MODELS_CHART, Helm, HelmError, read_notes

pytestmark = pytest.mark.usefixtures("operator")

RELEASE = "models"

WAIT = ("--wait", "--timeout=60s")


@pytest.fixture
def helms(plane: ControlPlane, namespace: Namespace, tmp_path: Path) -> dict[str, Helm]:
    """Both Helms, in the namespace of the test."""
    programs = find_or_build_helms(print)
    return {name: Helm(program, tmp_path, plane.kubeconfig, namespace.name) for name, program in programs.items()}


def make_values(replicas: int) -> dict[str, Any]:
    """Make the values of one model; half of its spec is a default."""
    spec = a_resource(replicas=replicas)["spec"]
    template = spec.pop("podTemplate")
    return {"defaults": {"spec": {"podTemplate": template}}, "deployments": {"nemotron": {"spec": spec}}}


def count_ready(namespace: Namespace) -> int:
    """Count the replicas that the resource counts as ready, if it is Ready as it is now."""
    condition, resource = namespace.condition("nemotron", "Ready"), namespace.get("nemo", "nemotron")
    assert resource is not None
    assert condition is not None
    assert "True" == condition["status"]
    return int(resource["status"]["readyReplicas"])


def test_helm_4_waits_until_the_models_serve_and_the_weights_outlive_the_release(
    namespace: Namespace, helms: dict[str, Helm]
) -> None:
    helm = helms["helm"]
    helm.run("install", RELEASE, str(MODELS_CHART), *WAIT, values=make_values(1))
    assert 1 == count_ready(namespace)

    helm.run("upgrade", RELEASE, str(MODELS_CHART), *WAIT, values=make_values(2))
    assert 2 == count_ready(namespace)
    (claim,) = namespace.list("pvc", "nemotron.dev/component=cache")

    helm.run("uninstall", RELEASE, *WAIT)
    assert namespace.get("nemo", "nemotron") is None
    wait_until("nothing serves", lambda: not namespace.list("pod", "nemotron.dev/component=server"))
    left = namespace.get("pvc", claim["metadata"]["name"])
    assert left is not None
    assert claim["metadata"]["uid"] == left["metadata"]["uid"]
    assert "deletionTimestamp" not in left["metadata"]


def test_helm_3_and_helm_4_install_and_take_over_from_each_other(namespace: Namespace, helms: dict[str, Helm]) -> None:
    notes = read_notes(helms["helm3"].run("install", RELEASE, str(MODELS_CHART), values=make_values(1)))
    first = namespace.get("nemo", "nemotron")
    assert f"\n  kubectl -n {namespace.name} wait nemo/nemotron --for=condition=Ready" in notes
    assert "Licence: Llama 3.1 Community License" in notes

    helms["helm"].run("upgrade", RELEASE, str(MODELS_CHART), values=make_values(1))
    second = namespace.get("nemo", "nemotron")
    assert first is not None
    assert second is not None
    assert (first["metadata"]["uid"], 1) == (second["metadata"]["uid"], second["metadata"]["generation"])


def test_a_rule_about_several_fields_is_told_by_the_api_server(namespace: Namespace, helms: dict[str, Helm]) -> None:
    values = make_values(1)
    values["deployments"]["nemotron"]["spec"]["autoscaling"] = {"minReplicas": 3, "maxReplicas": 2}
    with pytest.raises(HelmError, match="minReplicas must not be larger than maxReplicas"):
        helms["helm"].run("install", RELEASE, str(MODELS_CHART), values=values)
    rendered = helms["helm"].run("template", RELEASE, str(MODELS_CHART), "--no-hooks", values=values)
    with pytest.raises(KubectlError, match="minReplicas must not be larger than maxReplicas"):
        namespace.kubectl("apply", "--dry-run=server", "-f", "-", input=rendered)
    assert [] == namespace.list("nemo")
