"""From any config.json of Hugging Face to the shape that the memory account needs."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nemotron_operator.architecture.attention import make_norms
from nemotron_operator.architecture.dense import read_llama, read_minitron, read_qwen2, read_qwen3
from nemotron_operator.architecture.errors import ArchitectureError
from nemotron_operator.architecture.fields import Fields, show
from nemotron_operator.architecture.hybrid import read_draft_blocks, read_nemotron_h
from nemotron_operator.architecture.mixture import read_gpt_oss, read_mixtral, read_qwen3_moe
from nemotron_operator.architecture.model import Architecture, Block, Parameters
from nemotron_operator.architecture.puzzle import read_deci
from nemotron_operator.architecture.quantization import Quantization, read_quantization
from nemotron_operator.architecture.storage import BF16
from nemotron_operator.architecture.vision import read_pixtral


@dataclass(frozen=True, slots=True)
class _Family:
    """How one class of `architectures` is read."""

    read_blocks: Callable[[Fields], list[Block]]
    layers: str = "model.layers"
    """Where its blocks are in the checkpoint."""
    text_part: str | None = None
    """The part of config.json that describes the language model, when it is not the whole."""
    read_extras: Callable[[Fields], tuple[Parameters, ...]] = lambda _: ()
    read_draft_blocks: Callable[[Fields], list[Block]] = lambda _: []
    draft_layers: str = "mtp.layers"
    norms_have_bias: bool = False
    repeats_ends: bool = False
    """Whether its class in vLLM makes embedding, last norm and head without asking for the pipeline stage."""
    ties_head: bool = True
    """Whether its class in vLLM heeds `tie_word_embeddings`."""


_FAMILIES = {
    "LlamaForCausalLM": _Family(read_llama),
    "MistralForCausalLM": _Family(read_llama),
    "Mistral3ForConditionalGeneration": _Family(
        read_llama, "language_model.model.layers", text_part="text_config", read_extras=read_pixtral
    ),
    "Qwen2ForCausalLM": _Family(read_qwen2),
    "Qwen3ForCausalLM": _Family(read_qwen3),
    "NemotronForCausalLM": _Family(read_minitron, norms_have_bias=True),
    "DeciLMForCausalLM": _Family(read_deci),
    "NemotronHForCausalLM": _Family(
        read_nemotron_h,
        "backbone.layers",
        read_draft_blocks=read_draft_blocks,
        repeats_ends=True,
        ties_head=False,
    ),
    "MixtralForCausalLM": _Family(read_mixtral, repeats_ends=True),
    "Qwen3MoeForCausalLM": _Family(read_qwen3_moe, repeats_ends=True),
    "GptOssForCausalLM": _Family(read_gpt_oss, repeats_ends=True, ties_head=False),
}

KNOWN_ARCHITECTURES = tuple(_FAMILIES)
"""The classes of `architectures` that can be planned."""


def read_architecture(config: Mapping[str, Any]) -> Architecture:
    """Read the shape of a model from its config.json.

    Raises
    ------
    ArchitectureError
        The class is not known, or a field is missing or wrong; the message names it.
    """
    name = _read_name(config)
    family = _FAMILIES[name]
    whole = Fields(config)
    fields = whole.part(family.text_part) if family.text_part else whole
    quantization = read_quantization(whole if whole.has("quantization_config") else fields)
    hidden_size = fields.count("hidden_size")
    blocks = _store(family.read_blocks(fields), quantization, family.layers)
    return Architecture(
        name=name,
        hidden_size=hidden_size,
        vocab_size=fields.count("vocab_size"),
        blocks=blocks,
        max_position_embeddings=(
            fields.count("max_position_embeddings") if fields.has("max_position_embeddings") else None
        ),
        is_tied=fields.flag("tie_word_embeddings") and family.ties_head,
        last_norm=make_norms(hidden_size, 1, with_bias=family.norms_have_bias),
        repeats_ends=family.repeats_ends,
        extra_parameters=family.read_extras(whole),
        draft_blocks=_store(family.read_draft_blocks(fields), quantization, family.draft_layers),
        head_storage=quantization.find_storage("lm_head") if quantization.quantizes_head else BF16,
        quantization=_name_storage(blocks),
        kv_cache_dtype=quantization.kv_cache_dtype,
    )


def _read_name(config: Mapping[str, Any]) -> str:
    names = config.get("architectures")
    if not isinstance(names, list) or not names:
        raise ArchitectureError(
            f"config.json: architectures: must be a list with the model's class (found {show(names)}). Is this the "
            "config.json of a Hugging Face model?"
        )
    name = next((name for name in names if isinstance(name, str) and name in _FAMILIES), None)
    if name is None:
        raise ArchitectureError(
            f"config.json: architectures: {show(names[0])} is not known to the plan, so its memory is not known "
            f"either. Known: {', '.join(sorted(_FAMILIES))}."
        )
    return name


def _store(blocks: list[Block], quantization: Quantization, layers: str) -> tuple[Block, ...]:
    """Look up how each linear layer is stored; equal blocks become one object, so that they are counted once."""
    known: dict[Block, Block] = {}
    stored = []
    for number, block in enumerate(blocks):
        linears = tuple(
            replace(linear, storage=quantization.find_storage(f"{layers}.{number}.{linear.name}"))
            for linear in block.linears
        )
        made = replace(block, linears=linears)
        stored.append(known.setdefault(made, made))
    return tuple(stored)


def _name_storage(blocks: Iterable[Block]) -> str:
    """Name the format in which most of the blocks' weights are."""
    parameters: Counter[str] = Counter()
    for block in blocks:
        for linear in block.linears:
            parameters[linear.storage.name] += linear.copies * linear.inputs * linear.outputs
    return parameters.most_common(1)[0][0] if parameters else BF16.name
