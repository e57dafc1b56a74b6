from pathlib import Path

import pytest

from lab.errors import LabError
from lab.node_network import NETWORKS, NodeNetwork, choose_network, read_network


def test_the_first_network_is_taken_where_nothing_is_in_the_way() -> None:
    expected = NodeNetwork(0)
    actual = choose_network([], ["192.168.1.0/24", "127.0.0.0/8", "172.17.0.1"])
    assert expected == actual


def test_two_clusters_share_no_address() -> None:
    expected = NodeNetwork(1)
    actual = choose_network([NodeNetwork(0)], [])
    assert expected == actual


@pytest.mark.parametrize("route", ["10.243.0.1", "10.244.0.0/24", "10.245.0.128/25"])
def test_a_network_that_leads_elsewhere_is_passed_over(route: str) -> None:
    expected = NodeNetwork(1)
    actual = choose_network([], [route])
    assert expected == actual


def test_a_machine_whose_routes_take_everything_is_told_so() -> None:
    with pytest.raises(LabError, match="No network is free"):
        choose_network([], ["10.0.0.0/8"])


@pytest.mark.parametrize("index", [NETWORKS[0], NETWORKS[-1]])
def test_what_is_made_of_the_number_fits_where_it_goes(index: int) -> None:
    network = NodeNetwork(index)
    assert len(network.host_interface) <= 15
    assert choose_network([], []).link.endswith(".0/30")
    assert network.pods.split(".")[2] == network.services.split(".")[2] == str(index)


def test_the_network_of_a_cluster_is_read_as_it_was_written(tmp_path: Path) -> None:
    expected = NodeNetwork(7)
    expected.save(tmp_path)
    actual = read_network(tmp_path)
    assert expected == actual


def test_a_cluster_without_a_real_node_has_no_network(tmp_path: Path) -> None:
    assert read_network(tmp_path) is None


def test_a_file_among_the_clusters_has_no_network(tmp_path: Path) -> None:
    file = tmp_path / "demo.settings.yaml"
    file.touch()
    assert read_network(file) is None
