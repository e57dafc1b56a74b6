"""The KV cache that we lay out is the one that vLLM plans: blocks, tokens and concurrency."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nemotron_operator.architecture.reader import read_architecture
from nemotron_operator.plan.memory.engine_memory import adjust_engine_memory, find_engine_memory
from nemotron_operator.plan.memory.kv_cache import BLOCK_TOKENS, KvCacheLayout, lay_out
from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.memory_arguments import read_memory_arguments
from nemotron_operator.units import GIB
from tests.contract.model_directory import write_model
from tests.contract.small_models import ROPE_OF_GPT_OSS
from tests.contract.vllm_process import RefusedByVllmError, VllmProcess
from tests.support.fixtures.plans import CATALOG

MAX_MODEL_LEN = 32_768

MAX_NUM_BATCHED_TOKENS = 2048

KV_ELEMENT_BYTES = {"bfloat16": 2, "fp8": 1}

GPT_OSS: Mapping[str, Any] = {
    "architectures": ["GptOssForCausalLM"],
    "model_type": "gpt_oss",
    "hidden_size": 2880,
    "intermediate_size": 2880,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "num_hidden_layers": 24,
    "vocab_size": 201_088,
    "max_position_embeddings": 131_072,
    "num_local_experts": 32,
    "num_experts_per_tok": 4,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
    "rope_scaling": ROPE_OF_GPT_OSS,
}

UNEVEN_WINDOWS: Mapping[str, Any] = {
    **GPT_OSS,
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 25,
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention"] * 8 + ["sliding_attention"],
    "rope_scaling": None,
}

IN_CATALOG = {
    "Llama 70B": "nvidia/Llama-3.1-Nemotron-70B-Instruct-HF",
    "NAS 49B": "nvidia/Llama-3_3-Nemotron-Super-49B-v1_5",
    "Nano 9B v2": "nvidia/NVIDIA-Nemotron-Nano-9B-v2",
    "3 Nano 30B": "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
    "3 Super 120B": "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16",
}

CONFIGS: dict[str, Mapping[str, Any]] = {
    **{short: CATALOG.entries[name].config or {} for short, name in IN_CATALOG.items()},
    "gpt-oss": GPT_OSS,
    "uneven windows": UNEVEN_WINDOWS,
}
"""Models at their real size: no weight of them is ever made."""

CASES = [
    pytest.param(
        name, Parallelism(tensor, pipeline), dtype, id=f"{name}, tensor {tensor}, pipeline {pipeline}, {dtype}"
    )
    for name, tensor, pipeline, dtype in (
        ("Llama 70B", 1, 1, "bfloat16"),
        ("Llama 70B", 2, 1, "fp8"),
        ("Llama 70B", 8, 1, "bfloat16"),
        ("Llama 70B", 16, 1, "bfloat16"),
        ("Llama 70B", 2, 3, "bfloat16"),
        ("NAS 49B", 1, 1, "bfloat16"),
        ("NAS 49B", 4, 2, "fp8"),
        ("Nano 9B v2", 1, 1, "bfloat16"),
        ("Nano 9B v2", 2, 1, "fp8"),
        ("Nano 9B v2", 1, 2, "bfloat16"),
        ("3 Nano 30B", 1, 1, "bfloat16"),
        ("3 Nano 30B", 4, 1, "bfloat16"),
        ("3 Nano 30B", 2, 2, "fp8"),
        ("3 Super 120B", 8, 1, "fp8"),
        ("gpt-oss", 1, 1, "bfloat16"),
        ("gpt-oss", 2, 2, "bfloat16"),
        ("uneven windows", 1, 1, "bfloat16"),
        ("uneven windows", 1, 2, "bfloat16"),
    )
]


@pytest.fixture(scope="session")
def full_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The directory of each model."""
    folder = tmp_path_factory.mktemp("full")
    return {name: write_model(folder / str(index), config) for index, (name, config) in enumerate(CONFIGS.items())}


def make_arguments(parallelism: Parallelism, dtype: str) -> list[str]:
    """Write what a server is told."""
    return [
        f"--tensor-parallel-size={parallelism.tensor}",
        f"--pipeline-parallel-size={parallelism.pipeline}",
        f"--kv-cache-dtype={dtype}",
        f"--max-model-len={MAX_MODEL_LEN}",
        f"--max-num-batched-tokens={MAX_NUM_BATCHED_TOKENS}",
        "--max-num-seqs=64",
        "--distributed-executor-backend=mp",
        "--enable-prefix-caching",
    ]


def lay_out_stages(version: str, name: str, parallelism: Parallelism, dtype: str) -> list[KvCacheLayout]:
    """Lay out every pipeline stage."""
    architecture, engine = read_architecture(CONFIGS[name]), find_engine_memory(version)
    return [
        lay_out(architecture, parallelism, rank, KV_ELEMENT_BYTES[dtype], MAX_NUM_BATCHED_TOKENS, engine)
        for rank in range(parallelism.pipeline)
    ]


@pytest.mark.parametrize("available_bytes", [20 * GIB, 13 * GIB + 4321])
@pytest.mark.parametrize(("name", "parallelism", "dtype"), CASES)
def test_vllm_plans_the_blocks_tokens_and_concurrency_that_we_count(  # noqa: PLR0913, PLR0917 - a case and its fixtures
    vllm: VllmProcess,
    full_models: dict[str, Path],
    name: str,
    parallelism: Parallelism,
    dtype: str,
    available_bytes: int,
) -> None:
    planned = vllm.plan_cache(make_arguments(parallelism, dtype), full_models[name], available_bytes)
    layouts = lay_out_stages(vllm.version, name, parallelism, dtype)
    tightest = min(layouts, key=lambda layout: layout.count_blocks(available_bytes))
    blocks, per_sequence = tightest.count_blocks(available_bytes), tightest.count_blocks_per_sequence(MAX_MODEL_LEN)
    assert {
        "block_tokens": tightest.block_tokens,
        "blocks": blocks,
        "concurrency": blocks / per_sequence,
        "max_in_flight_tokens": tightest.in_flight_tokens,
        "pool_bytes": [blocks * layout.block_bytes for layout in layouts],
        "tokens": tightest.count_tokens(available_bytes, MAX_MODEL_LEN),
    } == vars(planned)


@pytest.mark.parametrize("name", ["Llama 70B", "Nano 9B v2"])
@pytest.mark.parametrize(
    "argument",
    [
        "--block-size=32",
        "--block-size=48",
        "--mamba-ssm-cache-dtype=bfloat16",
        "--mamba-ssm-cache-dtype=auto",
        "--mamba-cache-dtype=float32",
        "--no-enable-prefix-caching",
    ],
)
def test_vllm_takes_an_argument_as_the_account_does(
    vllm: VllmProcess, full_models: dict[str, Path], name: str, argument: str
) -> None:
    told = read_memory_arguments([argument])
    layout = lay_out(
        told.store_states(read_architecture(CONFIGS[name])),
        Parallelism(),
        0,
        KV_ELEMENT_BYTES["bfloat16"],
        MAX_NUM_BATCHED_TOKENS,
        adjust_engine_memory(
            find_engine_memory(vllm.version), is_eager=False, has_prefix_caching=told.has_prefix_caching
        ),
        told.block_tokens or BLOCK_TOKENS,
    )
    arguments = [*make_arguments(Parallelism(), "bfloat16"), argument]
    planned = vllm.plan_cache(arguments, full_models[name], 20 * GIB)
    assert (layout.block_tokens, layout.count_tokens(20 * GIB, MAX_MODEL_LEN)) == (planned.block_tokens, planned.tokens)


@pytest.mark.parametrize("name", ["Llama 70B", "Nano 9B v2", "gpt-oss"])
def test_vllm_starts_with_the_least_memory_that_we_say_and_with_no_block_less(
    vllm: VllmProcess, full_models: dict[str, Path], name: str
) -> None:
    arguments, [layout] = (
        make_arguments(Parallelism(), "bfloat16"),
        lay_out_stages(vllm.version, name, Parallelism(), "bfloat16"),
    )
    least = (layout.count_blocks_per_sequence(MAX_MODEL_LEN) + 1) * layout.block_bytes
    assert layout.count_concurrent(least, MAX_MODEL_LEN) == 1
    vllm.plan_cache(arguments, full_models[name], least)
    assert layout.count_concurrent(least - 1, MAX_MODEL_LEN) == 0
    with pytest.raises(RefusedByVllmError, match="To serve at least one request"):
        vllm.plan_cache(arguments, full_models[name], least - 1)
