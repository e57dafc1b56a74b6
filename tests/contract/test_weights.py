"""The weights that we count are those that vLLM's own model classes allocate, to the byte."""

import re
from itertools import chain
from pathlib import Path

import pytest

from nemotron_operator.architecture.reader import KNOWN_ARCHITECTURES, read_architecture
from nemotron_operator.plan.memory.parallelism import Parallelism, explain_illegal_pipeline, explain_illegal_size
from nemotron_operator.plan.memory.weights import count_stage_weights_bytes
from tests.contract.model_directory import write_model
from tests.contract.small_models import BF16_MODELS, QUANTIZED_MODELS, WITHOUT_EXPERTS_AT_THE_END
from tests.contract.vllm_process import RefusedByVllmError, VllmProcess

MODELS = {**BF16_MODELS, **QUANTIZED_MODELS}

RANKS = [
    pytest.param(Parallelism(tensor, pipeline), rank, id=f"tensor {tensor}, pipeline {pipeline}, rank {rank}")
    for tensor, pipeline, rank in ((1, 1, 0), (2, 1, 1), (4, 1, 2), (1, 2, 1), (2, 3, 0))
]
"""Two KV heads are divided by two GPUs, and repeated on four."""

_SCALES_OF_ATTENTION = re.compile(r"\.attn\.([qkv]|prob)_(scale|zero_point)$")
"""Scales of a KV cache in FP8. vLLM reads them into parameters that it deletes after loading, when each layer keeps
them as numbers (`process_weights_after_loading` of vllm/model_executor/layers/quantization/kv_cache.py)."""

_NOT_BUILT = {
    "Mistral3ForConditionalGeneration": "its vision tower needs torchvision, which vLLM for CPUs is installed without"
}
"""Architectures whose class vLLM cannot make here, and why."""


@pytest.fixture(scope="session")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The directory of each small model."""
    folder = tmp_path_factory.mktemp("small")
    return {name: write_model(folder / str(index), config) for index, (name, config) in enumerate(MODELS.items())}


def count_in_vllm(vllm: VllmProcess, model: Path, parallelism: Parallelism, rank: int) -> int:
    """Sum what vLLM allocates for weights on one GPU."""
    arguments = [
        f"--tensor-parallel-size={parallelism.tensor}",
        f"--pipeline-parallel-size={parallelism.pipeline}",
        "--distributed-executor-backend=mp",
        "--max-model-len=1024",
    ]
    parameters = vllm.weigh(arguments, model, rank)
    return sum(size for name, size in parameters.items() if not _SCALES_OF_ATTENTION.search(name))


@pytest.mark.parametrize(("parallelism", "rank"), RANKS)
@pytest.mark.parametrize("name", MODELS)
def test_what_we_count_is_what_vllm_allocates(
    vllm: VllmProcess, small_models: dict[str, Path], name: str, parallelism: Parallelism, rank: int
) -> None:
    architecture = read_architecture(MODELS[name])
    if reason := explain_illegal_size(architecture, parallelism.tensor):
        pytest.skip(f"vLLM refuses it: {reason}")
    ours = count_stage_weights_bytes(architecture, parallelism, rank // parallelism.tensor)
    assert ours == count_in_vllm(vllm, small_models[name], parallelism, rank)


def test_a_stage_without_experts_is_refused_by_vllm_and_by_us(vllm: VllmProcess, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", WITHOUT_EXPERTS_AT_THE_END)
    architecture = read_architecture(WITHOUT_EXPERTS_AT_THE_END)
    assert explain_illegal_pipeline(architecture, 2) is None
    assert count_in_vllm(vllm, model, Parallelism(1, 2), 1) == count_stage_weights_bytes(
        architecture, Parallelism(1, 2), 1
    )
    assert explain_illegal_pipeline(architecture, 3) is not None
    with pytest.raises(RefusedByVllmError, match="AssertionError"):
        count_in_vllm(vllm, model, Parallelism(1, 3), 2)


def test_every_architecture_that_we_plan_is_weighed() -> None:
    weighed = set(chain.from_iterable(config["architectures"] for config in MODELS.values()))
    assert set(KNOWN_ARCHITECTURES) == weighed | set(_NOT_BUILT)
