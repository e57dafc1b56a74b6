"""`helm test` asks the operator that Helm installed, by a pod of the operator's own image."""

from lab.control_plane import ControlPlane
from lab.operator_process import NAMESPACE, RELEASE
from tests.support.cluster import Namespace
from tests.support.helm import Helm


def test_an_operator_that_is_ready_passes_and_the_pod_that_asked_goes(serving_plane: ControlPlane) -> None:
    plane = serving_plane
    helm = Helm(plane.binaries.helm, plane.directory / "helm", plane.kubeconfig, namespace=NAMESPACE)
    said = helm.run("test", RELEASE, "--timeout=90s", "--logs")
    assert "The operator is ready, and the API server knows NemotronDeployments." in said
    assert Namespace(plane, NAMESPACE).get("pod", f"{RELEASE}-test") is None
