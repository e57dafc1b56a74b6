"""What kwokctl is told about a cluster: which programs, with which arguments."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.binaries import Binaries
from lab.directories import AUDIT_POLICY
from lab.node_network import NodeNetwork

_EXTRA_ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    # A laboratory forgets everything on a power cut anyway.
    "etcd": {"unsafe-no-fsync": "true"},
    # Loopback as the advertised address is refused unless nothing writes it into the `kubernetes` Service.
    "kube-apiserver": {"advertise-address": "127.0.0.1", "endpoint-reconciler-type": "none"},
    # A leader that cannot renew ends itself, and nothing here would start it again after a test of an API outage.
    # Scalers look every second: by default every quarter of a minute, for which nobody wants to wait in a laboratory.
    "kube-controller-manager": {
        "leader-elect": "false",
        "kube-api-qps": "300",
        "kube-api-burst": "600",
        "horizontal-pod-autoscaler-sync-period": "1s",
    },
    "kube-scheduler": {"leader-elect": "false", "kube-api-qps": "300", "kube-api-burst": "600"},
    # Nodes without the annotation are real ones, and are left to their kubelet. Without leases, nodes tell that they
    # live by their status: a KWOK that starts again would have to wait for the leases that it held before to run out.
    "kwok-controller": {
        "node-lease-duration-seconds": "0",
        "manage-all-nodes": "false",
        "manage-nodes-with-annotation-selector": "kwok.x-k8s.io/node=fake",
    },
}


_AUDIT_LOG_MEGABYTES = 100
"""How long one file of recorded requests grows; one before it is kept."""


def render_settings(binaries: Binaries, directory: Path, network: NodeNetwork | None = None) -> dict[str, Any]:
    """Write kwokctl's configuration: our programs, RBAC on, loopback only, Stages read from the cluster."""
    extra_arguments = dict(_EXTRA_ARGUMENTS)
    if network is not None:
        extra_arguments["kube-apiserver"] = _arguments_for_real_node(network, directory)
    extra_arguments["kube-apiserver"] = {
        **extra_arguments["kube-apiserver"],
        **_arguments_for_audit(directory),
        # Some platforms have it, and the operator's permissions must do there too.
        "enable-admission-plugins": "OwnerReferencesPermissionEnforcement",
    }
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
            # What pods call the API server, beside the names that kwokctl writes into every certificate.
            "kubeApiserverCertSANs": [] if network is None else [network.host_address, network.api_service_address],
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
            for component, arguments in extra_arguments.items()
        ],
    }


def audit_logs(directory: Path) -> list[Path]:
    """Find the files in which a cluster's API server recorded the requests of the operator."""
    return sorted((directory / "logs").glob("audit*.log"))


def _arguments_for_audit(directory: Path) -> dict[str, str]:
    """Have the API server record what the operator asks for: its permissions are compared with that."""
    return {
        "audit-policy-file": str(AUDIT_POLICY),
        "audit-log-path": str(directory / "logs" / "audit.log"),
        "audit-log-maxsize": str(_AUDIT_LOG_MEGABYTES),
        "audit-log-maxbackup": "1",
    }


def _arguments_for_real_node(network: NodeNetwork, directory: Path) -> dict[str, str]:
    """Have the API server tell pods the address of the relay before it, and reach the kubelet as itself."""
    return {
        "advertise-address": network.host_address,
        "service-cluster-ip-range": network.services,
        # By default it looks the node's name up, which no DNS server knows.
        "kubelet-preferred-address-types": "InternalIP",
        "kubelet-client-certificate": str(directory / "pki" / "admin.crt"),
        "kubelet-client-key": str(directory / "pki" / "admin.key"),
    }
