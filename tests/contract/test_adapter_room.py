"""The room for adapters that we count is what vLLM's own classes allocate."""

from pathlib import Path

import pytest

from nemotron_operator.architecture.reader import read_architecture
from nemotron_operator.plan.memory.adapters import AdapterRoom, count_adapter_bytes
from nemotron_operator.plan.memory.parallelism import Parallelism
from tests.contract.model_directory import write_model
from tests.contract.small_models import BF16_MODELS
from tests.contract.test_weights import RANKS
from tests.contract.vllm_process import VllmProcess

ROOM = AdapterRoom(max_rank=16, max_loaded=4)

EXACT = ("llama", "llama, tied", "minitron", "nemotron nas", "nemotron-h", "qwen3")

AT_MOST = ("mistral", "nemotron-h, one group", "qwen2")
"""Classes without adapters of embedding and head, and a group that is not divided. Mixtures of experts cannot be made
with adapters where there is no GPU: their kernels are asked for more than pretending gives."""


def count_in_vllm(vllm: VllmProcess, model: Path, parallelism: Parallelism, rank: int) -> int:
    arguments = [
        f"--tensor-parallel-size={parallelism.tensor}",
        f"--pipeline-parallel-size={parallelism.pipeline}",
        "--distributed-executor-backend=mp",
        "--max-model-len=1024",
        "--enable-lora",
        f"--max-loras={ROOM.max_loaded}",
        f"--max-lora-rank={ROOM.max_rank}",
    ]
    return sum(vllm.weigh_adapters(arguments, model, rank).values())


@pytest.mark.parametrize(("parallelism", "rank"), RANKS)
@pytest.mark.parametrize("name", [*EXACT, *AT_MOST])
def test_the_room_that_we_count_is_what_vllm_allocates(
    vllm: VllmProcess, tmp_path: Path, name: str, parallelism: Parallelism, rank: int
) -> None:
    architecture = read_architecture(BF16_MODELS[name])
    ours = count_adapter_bytes(architecture, parallelism, rank // parallelism.tensor, ROOM)
    allocated = count_in_vllm(vllm, write_model(tmp_path / "model", BF16_MODELS[name]), parallelism, rank)
    if name in EXACT:
        assert ours == allocated
    else:
        assert 0.5 * ours < allocated <= ours
