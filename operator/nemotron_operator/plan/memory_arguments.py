"""Which extra arguments change the engine's memory: those that are in the account, and those that are not."""

from collections.abc import Sequence
from dataclasses import dataclass

from nemotron_operator.architecture.model import STATE_ELEMENT_BYTES, Architecture
from nemotron_operator.plan.extra_arguments import find_value, is_switched_on, list_names
from nemotron_operator.plan.memory.states import store_states

UNACCOUNTED = frozenset(
    {
        "--compilation-config",
        "--cpu-offload-gb",
        "--cudagraph-capture-sizes",
        "--decode-context-parallel-size",
        "--disable-hybrid-kv-cache-manager",
        "--disable-sliding-window",
        "--dtype",
        "--enable-dbo",
        "--enable-eplb",
        "--enable-expert-parallel",
        "--enable-lora",
        "--hf-overrides",
        "--kv-cache-dtype-skip-layers",
        "--kv-transfer-config",
        "--limit-mm-per-prompt",
        "--lora-modules",
        "--mamba-block-size",
        "--max-cudagraph-capture-size",
        "--max-loras",
        "--moe-backend",
        "--num-gpu-blocks-override",
        "--offload-group-size",
        "--optimization-level",
        "--spec-method",
        "--spec-model",
        "--spec-tokens",
        "--speculative-config",
    }
)
"""Arguments of vLLM 0.32 and 0.33 that change what weights, KV cache, activations or CUDA graphs take."""


@dataclass(frozen=True, slots=True)
class MemoryArguments:
    """What extra arguments say of the engine's memory."""

    is_eager: bool
    """Whether no CUDA graphs are captured."""
    has_prefix_caching: bool
    block_tokens: int | None
    """Tokens of a KV cache block; None where nothing is said."""
    conv_element_bytes: int | None
    """Bytes of an element of a Mamba layer's convolution state; None as the model has it."""
    ssm_element_bytes: int | None
    """Bytes of an element of a Mamba layer's state; None as the model has it."""

    def store_states(self, architecture: Architecture) -> Architecture:
        """Give the Mamba states of a model the formats that are asked for."""
        return store_states(architecture, self.conv_element_bytes, self.ssm_element_bytes)


def read_memory_arguments(arguments: Sequence[str]) -> MemoryArguments:
    """Read the arguments that are in the account.

    Notes
    -----
    `--mamba-cache-dtype` is the convolution's alone: vLLM fills in the other one from the model before it looks
    (`update_mamba_ssm_cache_dtype` in vllm/model_executor/models/config.py).
    """
    block_tokens = find_value(arguments, "--block-size") or ""
    return MemoryArguments(
        is_eager=is_switched_on(arguments, "--enforce-eager", ("--no-enforce-eager",), default=False),
        has_prefix_caching=is_switched_on(
            arguments,
            "--enable-prefix-caching",
            ("--no-enable-prefix-caching", "--disable-prefix-caching"),
            default=True,
        ),
        block_tokens=int(block_tokens) or None if block_tokens.isdecimal() else None,
        conv_element_bytes=STATE_ELEMENT_BYTES.get(find_value(arguments, "--mamba-cache-dtype") or ""),
        ssm_element_bytes=STATE_ELEMENT_BYTES.get(find_value(arguments, "--mamba-ssm-cache-dtype") or ""),
    )


def list_unaccounted(arguments: Sequence[str]) -> tuple[str, ...]:
    """List the arguments that change the engine's memory and are not in the account, each once."""
    return tuple(dict.fromkeys(name for name in list_names(arguments) if name in UNACCOUNTED))
