"""The parameters that we compute from a config.json are those that the model's authors publish."""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import pytest

from nemotron_operator.catalog.catalog import load_catalog
from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.memory.weights import count_parameters, count_repository_bytes, count_weights_bytes

CATALOG = load_catalog()

PUBLISHED = {name: entry.published_parameters for name, entry in CATALOG.entries.items() if entry.published_parameters}

UNITS = {"B": 10**9, "M": 10**6}


@pytest.mark.parametrize("name", PUBLISHED)
def test_computed_parameters_are_the_published_ones_in_every_digit(name: str) -> None:
    """Some authors round, others cut off: 70.55 billion are called 70B."""
    architecture, published = CATALOG.entries[name].architecture, PUBLISHED[name]
    assert architecture is not None
    number, unit = Decimal(published.rstrip("BM")), UNITS.get(published[-1], 1)
    computed = Decimal(count_parameters(architecture)) / unit
    assert number in {computed.quantize(number, rounding) for rounding in (ROUND_HALF_UP, ROUND_DOWN)}


def test_every_model_whose_shape_is_known_has_published_parameters() -> None:
    assert {name for name, entry in CATALOG.entries.items() if entry.config} == set(PUBLISHED)


@pytest.mark.parametrize(
    ("name", "drafts"),
    [
        ("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16", 2_942_325_248),
        ("nvidia/NVIDIA-Nemotron-3.5-Lightning-30B-A3B-BF16", 32_913_266_240 - 31_577_940_288),
        ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 0),
    ],
)
def test_multi_token_prediction_is_in_the_repository_and_not_on_the_gpu(name: str, drafts: int) -> None:
    architecture = CATALOG.entries[name].architecture
    assert architecture is not None
    # Biases of the routers are float32: two bytes more than the rest of a BF16 model.
    biases = sum(block.experts is not None for block in architecture.draft_blocks) * 2 * count_experts(name)
    on_gpu = count_weights_bytes(architecture, Parallelism())
    assert on_gpu + 2 * drafts + biases == count_repository_bytes(architecture)


def count_experts(name: str) -> int:
    """Count the experts of one layer."""
    config = CATALOG.entries[name].config or {}
    experts = config.get("n_routed_experts", 0)
    assert isinstance(experts, int)
    return experts


def test_a_quantised_checkpoint_is_named_after_the_format_of_most_of_its_weights() -> None:
    """Most of its entries are FP8 layers; its experts, of which there are fewer entries, are NVFP4."""
    architecture = CATALOG.entries["nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-NVFP4"].architecture
    assert architecture is not None
    assert "NVFP4" == architecture.quantization
