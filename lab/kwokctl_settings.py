"""What kwokctl is told about a cluster: which programs, with which arguments."""

from collections.abc import Mapping
from typing import Any

from lab.binaries import Binaries

_EXTRA_ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    # A laboratory forgets everything on a power cut anyway.
    "etcd": {"unsafe-no-fsync": "true"},
    # Loopback as the advertised address is refused unless nothing writes it into the `kubernetes` Service.
    "kube-apiserver": {"advertise-address": "127.0.0.1", "endpoint-reconciler-type": "none"},
    # A leader that cannot renew ends itself, and nothing here would start it again after a test of an API outage.
    "kube-controller-manager": {"leader-elect": "false", "kube-api-qps": "300", "kube-api-burst": "600"},
    "kube-scheduler": {"leader-elect": "false", "kube-api-qps": "300", "kube-api-burst": "600"},
    # Nodes without the annotation are real ones, and are left to their kubelet. Without leases, nodes tell that they
    # live by their status: a KWOK that starts again would have to wait for the leases that it held before to run out.
    "kwok-controller": {
        "node-lease-duration-seconds": "0",
        "manage-all-nodes": "false",
        "manage-nodes-with-annotation-selector": "kwok.x-k8s.io/node=fake",
    },
}


def render_settings(binaries: Binaries) -> dict[str, Any]:
    """Write kwokctl's configuration: our programs, RBAC on, loopback only, Stages read from the cluster."""
    return {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokctlConfiguration",
        "options": {
            "runtime": "binary",
            "bindAddress": "127.0.0.1",
            "securePort": True,
            "kubeAuthorization": True,
            "kubeAdmission": True,
            "enableCRDs": ["Stage"],
            "etcdBinary": str(binaries.etcd),
            "kubeApiserverBinary": str(binaries.kube_apiserver),
            "kubeControllerManagerBinary": str(binaries.kube_controller_manager),
            "kubeSchedulerBinary": str(binaries.kube_scheduler),
            "kwokControllerBinary": str(binaries.kwok),
            "kubectlBinary": str(binaries.kubectl),
        },
        "componentsPatches": [
            {
                "name": component,
                # Appended, since the last of two wins; kwokctl drops an override of what it does not set itself.
                "extraArgs": [{"key": key, "value": value} for key, value in arguments.items()],
            }
            for component, arguments in _EXTRA_ARGUMENTS.items()
        ],
    }
