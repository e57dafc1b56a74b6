from pathlib import Path

import pytest

from lab.binaries import Binaries
from lab.control_plane import ControlPlane, cluster_directory, delete_cluster
from lab.directories import AUDIT_POLICY
from lab.errors import LabError
from lab.kwokctl_settings import render_settings
from lab.node_network import NodeNetwork

PROGRAMS = Binaries(**{name: Path("/programs") / name for name in Binaries.__dataclass_fields__})
DIRECTORY = Path("/clusters/demo")


def test_a_cluster_lives_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    expected = tmp_path / "nemotron-operator" / "lab" / "clusters" / "demo" / "kubeconfig.yaml"
    actual = ControlPlane("demo", PROGRAMS).kubeconfig
    assert expected == actual


@pytest.mark.parametrize("name", ["", "../other", "a/b", "Demo", "-a", "a b"])
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="A cluster's name"):
        cluster_directory(name, tmp_path)


def test_the_control_plane_authorises_and_listens_on_loopback_only() -> None:
    options = render_settings(PROGRAMS, DIRECTORY)["options"]
    assert options["bindAddress"] == "127.0.0.1"
    assert options["kubeAuthorization"] is True
    assert options["securePort"] is True


def test_pods_of_a_real_node_are_told_an_address_that_the_certificate_names() -> None:
    network = NodeNetwork(2)
    settings = render_settings(PROGRAMS, DIRECTORY, network)
    assert settings["options"]["bindAddress"] == "127.0.0.1"
    patches = {patch["name"]: patch["extraArgs"] for patch in settings["componentsPatches"]}
    arguments = {pair["key"]: pair["value"] for pair in patches["kube-apiserver"]}
    assert arguments["advertise-address"] in settings["options"]["kubeApiserverCertSANs"]
    assert arguments["service-cluster-ip-range"] == network.services
    # What says otherwise in a cluster on loopback would leave the `kubernetes` Service without an address.
    assert "endpoint-reconciler-type" not in arguments


def test_a_cluster_without_a_real_node_is_not_what_was_asked_for(tmp_path: Path) -> None:
    plane = ControlPlane("demo", PROGRAMS, home=tmp_path, with_real_node=True)
    assert not plane._is_fit_for_node()
    NodeNetwork(0).save(plane.directory)
    # Its namespaces are gone.
    assert not plane._is_fit_for_node()


def test_no_program_is_left_for_kwokctl_to_download() -> None:
    options = render_settings(PROGRAMS, DIRECTORY)["options"]
    expected = {str(path) for name, path in vars(PROGRAMS).items() if name not in {"helm", "kwokctl"}}
    actual = {value for key, value in options.items() if key.endswith("Binary")}
    assert expected == actual


def test_kwok_leaves_real_nodes_alone() -> None:
    patches = {patch["name"]: patch["extraArgs"] for patch in render_settings(PROGRAMS, DIRECTORY)["componentsPatches"]}
    assert {"key": "manage-all-nodes", "value": "false"} in patches["kwok-controller"]


@pytest.mark.parametrize("network", [None, NodeNetwork(0)], ids=["simulated", "with a real node"])
def test_the_api_server_records_what_the_operator_asks_for(network: NodeNetwork | None) -> None:
    patches = render_settings(PROGRAMS, DIRECTORY, network)["componentsPatches"]
    (given,) = (patch["extraArgs"] for patch in patches if patch["name"] == "kube-apiserver")
    assert {"key": "audit-policy-file", "value": str(AUDIT_POLICY)} in given
    assert {"key": "audit-log-path", "value": str(DIRECTORY / "logs" / "audit.log")} in given


def test_a_folder_that_kwokctl_would_cut_in_two_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="with a space"):
        ControlPlane("demo", PROGRAMS, home=tmp_path / "my cache").create()


def test_a_cluster_that_was_never_made_is_not_healthy(tmp_path: Path) -> None:
    assert not ControlPlane("none", PROGRAMS, home=tmp_path).is_healthy()


def test_deleting_what_was_cut_off_half_made_leaves_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "clusters" / "half"
    (directory / "pids").mkdir(parents=True)
    (directory / "pids" / "etcd.pid").write_text("not a number")
    (directory.parent / "half.settings.yaml").touch()
    delete_cluster(directory)
    delete_cluster(directory)
    assert list(directory.parent.iterdir()) == []
