import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.node_network import NodeNetwork
from lab.node_settings import (
    PAUSE_IMAGE,
    NodeFolder,
    render_cni,
    render_containerd,
    render_corefile,
    render_kube_proxy,
    render_kubeconfig,
    render_kubelet,
)

FOLDER = NodeFolder(Path("/home/somebody/.cache/lab/clusters/demo"))
NETWORK = NodeNetwork(3)


@pytest.fixture
def containerd() -> dict[str, Any]:
    text = render_containerd(
        FOLDER, NETWORK, shim=Path("/bin/shim"), runc=Path("/sbin/runc"), cni_programs=Path("/cni")
    )
    return tomllib.loads(text)


def test_containerd_shares_no_folder_with_another(containerd: dict[str, Any]) -> None:
    assert containerd["state"].startswith(str(FOLDER.cluster))
    assert containerd["grpc"]["address"].startswith(str(FOLDER.cluster))


def test_the_image_store_outlives_the_cluster_for_the_next_one(containerd: dict[str, Any]) -> None:
    expected = "/home/somebody/.cache/lab/node-images/3"
    assert expected == containerd["root"]


def test_containerd_takes_the_pause_image_that_the_laboratory_makes(containerd: dict[str, Any]) -> None:
    assert containerd["plugins"]["io.containerd.cri.v1.images"]["pinned_images"] == {"sandbox": PAUSE_IMAGE}


def test_containerd_starts_pods_where_no_score_may_be_lowered(containerd: dict[str, Any]) -> None:
    assert containerd["plugins"]["io.containerd.cri.v1.runtime"]["restrict_oom_score_adj"] is True


def test_pods_have_a_way_to_services() -> None:
    bridge = json.loads(render_cni(FOLDER, NETWORK))["plugins"][0]
    assert bridge["isDefaultGateway"] is True
    assert bridge["ipam"]["ranges"] == [[{"subnet": NETWORK.pods}]]


def test_the_kubelet_stays_in_its_own_group_and_on_its_own_address() -> None:
    kubelet = yaml.safe_load(render_kubelet(FOLDER, NETWORK))
    assert kubelet["cgroupRoot"] == f"/{NETWORK.cgroup}"
    assert kubelet["address"] == NETWORK.node_address
    assert kubelet["clusterDNS"] == [NETWORK.node_address]


def test_nobody_without_a_certificate_commands_the_kubelet() -> None:
    authentication = yaml.safe_load(render_kubelet(FOLDER, NETWORK))["authentication"]
    assert authentication["anonymous"] == {"enabled": False}
    assert authentication["x509"] == {"clientCAFile": f"{FOLDER.cluster}/pki/ca.crt"}


def test_kube_proxy_leaves_limits_of_the_whole_machine_alone() -> None:
    proxy = yaml.safe_load(render_kube_proxy(FOLDER, NETWORK))
    assert proxy["conntrack"] == {"maxPerCore": 0, "min": 0}
    assert proxy["clusterCIDR"] == NETWORK.pods


def test_dns_listens_on_the_nodes_address() -> None:
    corefile = render_corefile(FOLDER, NETWORK)
    assert f"bind {NETWORK.node_address}" in corefile
    assert f"kubeconfig {FOLDER.kubeconfig}" in corefile


def test_the_nodes_programs_take_the_relay_to_the_api_server() -> None:
    cluster = {"server": "https://127.0.0.1:6443", "certificate-authority-data": "x"}
    view = {"clusters": [{"name": "demo", "cluster": cluster}], "current-context": "demo"}
    expected = {**cluster, "server": "https://10.243.3.1:6443"}
    actual = json.loads(render_kubeconfig(view, NETWORK, 6443))
    assert expected == actual["clusters"][0]["cluster"]
    assert actual["current-context"] == "demo"
