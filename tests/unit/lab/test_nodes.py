import pytest

from lab.nodes import H100, H100_NVL, H200, Gpu, cpu_node, gpu_node, simulated_pool


def test_the_pool_has_three_h100_one_nvl_and_one_h200() -> None:
    expected = ["h100-0", "h100-1", "h100-2", "h100-nvl-0", "h200-0"]
    actual = [node["metadata"]["name"] for node in simulated_pool()]
    assert expected == actual


@pytest.mark.parametrize(
    ("gpu", "product", "memory"),
    [
        (H100, "NVIDIA-H100-80GB-HBM3", "81559"),
        (H100_NVL, "NVIDIA-H100-NVL", "95830"),
        (H200, "NVIDIA-H200", "143771"),
    ],
)
def test_labels_are_those_of_gpu_feature_discovery(gpu: Gpu, product: str, memory: str) -> None:
    expected = {
        "nvidia.com/gpu.product": product,
        "nvidia.com/gpu.memory": memory,
        "nvidia.com/gpu.count": "8",
        "nvidia.com/gpu.family": "hopper",
    }
    labels = gpu_node("n", gpu, 1)["metadata"]["labels"]
    actual = {key: labels[key] for key in expected}
    assert expected == actual


def test_a_gpu_node_offers_eight_gpus_and_repels_what_asks_for_none() -> None:
    node = gpu_node("n", H100, 1)
    for resources in (node["status"]["capacity"], node["status"]["allocatable"]):
        expected = {"cpu": "192", "memory": "2Ti", "pods": "110", "nvidia.com/gpu": "8"}
        actual = {key: resources[key] for key in expected}
        assert expected == actual
    expected_taints = [("nvidia.com/gpu", "NoSchedule")]
    actual_taints = [(taint["key"], taint["effect"]) for taint in node["spec"]["taints"]]
    assert expected_taints == actual_taints


def test_the_cpu_node_can_leave_pods_to_a_real_node() -> None:
    assert ["NoSchedule"] == [taint["effect"] for taint in cpu_node(is_tainted=True)["spec"]["taints"]]


def test_the_cpu_node_takes_any_pod_but_has_no_gpu() -> None:
    node = cpu_node()
    assert node["metadata"]["name"] == "cpu-0"
    assert "taints" not in node["spec"]
    assert "nvidia.com/gpu" not in node["status"]["allocatable"]
    assert node["status"]["allocatable"]["cpu"] == "32"


def test_every_node_is_played_by_kwok_and_has_addresses_of_its_own() -> None:
    nodes = [*simulated_pool(), cpu_node()]
    assert {node["metadata"]["annotations"]["kwok.x-k8s.io/node"] for node in nodes} == {"fake"}
    for values in (
        [node["spec"]["podCIDR"] for node in nodes],
        [node["status"]["addresses"][0]["address"] for node in nodes],
    ):
        assert len(set(values)) == len(nodes)
