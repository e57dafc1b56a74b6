"""Nemotron-H and Nemotron 3: every block is one of Mamba-2, attention, feed-forward or experts, in a written pattern.

Source: vllm/model_executor/models/nemotron_h.py and layers/mamba/mamba_mixer2.py.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from nemotron_operator.architecture.attention import (
    make_attention,
    make_experts,
    make_feed_forward,
    make_norms,
    read_key_values,
)
from nemotron_operator.architecture.errors import ArchitectureError
from nemotron_operator.architecture.fields import MOST_LAYERS, Fields, show
from nemotron_operator.architecture.model import STATE_ELEMENT_BYTES, Block, Experts, Linear, Parameters, Split, State

_LETTERS = {
    "M": "M", "*": "*", "-": "-", "E": "E",
    "mamba": "M", "linear_attention": "M",
    "attention": "*", "full_attention": "*",
    "mlp": "-", "moe": "E",
}  # fmt: skip
"""The letters of `hybrid_override_pattern`, and the words of `layers_block_type` for the same."""

_ELEMENT_BYTES = {**STATE_ELEMENT_BYTES, "auto": 2}
"""Formats of the state; `auto` is that of the activations."""

_FLOAT32_BYTES = 4

_MIXER = "mixer"
"""Every block of these checkpoints calls its one part so."""


def read_nemotron_h(fields: Fields) -> list[Block]:
    """Read the blocks in the order of the pattern."""
    words = _read_words(fields, "hybrid_override_pattern", "layers_block_type")
    if not words:
        raise ArchitectureError(
            "config.json: hybrid_override_pattern: is missing, and so is layers_block_type. One of them says what each "
            "block is."
        )
    return _make_blocks(fields, words)


def read_draft_blocks(fields: Fields) -> list[Block]:
    """Read the multi-token prediction layers, each of which begins with a projection of two hidden states.

    Source: vllm/model_executor/models/nemotron_h_mtp.py.
    """
    words = _read_words(fields, "mtp_hybrid_override_pattern", "mtp_layers_block_type")
    count = fields.count("num_nextn_predict_layers", default=0, least=0, most=MOST_LAYERS)
    if not words or not count:
        return []
    hidden_size = fields.count("hidden_size")
    first, *others = _make_blocks(fields, words)
    joining = Linear("eh_proj", 2 * hidden_size, hidden_size, Split.COLUMNS)
    norms = make_norms(hidden_size, 3)  # of both states, and the last one
    first = replace(first, linears=(joining, *first.linears), parameters=(norms, *first.parameters))
    return [first, *others] * count


def _make_blocks(fields: Fields, letters: Sequence[str]) -> list[Block]:
    makers: dict[str, Callable[[Fields, int], Block]] = {
        "M": _make_mamba,
        "*": _make_attention,
        "-": _make_feed_forward,
        "E": _make_mixture,
    }
    seen: Counter[str] = Counter()
    blocks = []
    for letter in letters:
        blocks.append(makers[letter](fields, seen[letter]))
        seen[letter] += 1
    return blocks


def _read_words(fields: Fields, pattern: str, types: str) -> list[str]:
    """Read what each block is, from a text of letters or a list of words, as letters."""
    name = pattern if fields.text(pattern) else types
    words = list(fields.text(pattern)) or fields.rows(types)
    if len(words) > MOST_LAYERS:
        raise ArchitectureError(f"config.json: {name}: names {len(words)} blocks; the plan takes {MOST_LAYERS}.")
    unknown = [word for word in words if not isinstance(word, str) or word not in _LETTERS]
    if unknown:
        raise ArchitectureError(
            f"config.json: {name}: {show(unknown[0])} is no kind of block; known are M, *, - and E, and in lists of "
            "words mamba, attention, mlp and moe."
        )
    return [_LETTERS[word] for word in words]


def _make_attention(fields: Fields, _: int) -> Block:
    hidden_size, key_values = fields.count("hidden_size"), read_key_values(fields)
    return Block(
        linears=make_attention(_MIXER, hidden_size, key_values),
        parameters=(make_norms(hidden_size, 1),),
        key_values=key_values,
    )


def _make_feed_forward(fields: Fields, position: int) -> Block:
    hidden_size, width = fields.count("hidden_size"), _read_width(fields, position)
    return Block(
        linears=make_feed_forward(_MIXER, hidden_size, width, is_gated=False, bias=fields.flag("mlp_bias")),
        parameters=(make_norms(hidden_size, 1),),
        intermediate_size=width,
        is_gated=False,
    )


def _read_width(fields: Fields, position: int) -> int:
    """Read the width of a feed-forward layer; it may be a list, one for each or one for all."""
    widths = fields.values.get("intermediate_size")
    if not isinstance(widths, list):
        return fields.count("intermediate_size")
    position = 0 if len(widths) == 1 else position
    if position >= len(widths):
        raise ArchitectureError(
            f"config.json: intermediate_size: lists {len(widths)} widths, and the pattern has more feed-forward layers."
        )
    name = f"intermediate_size[{position}]"
    return Fields({name: widths[position]}).count(name)


def _make_mixture(fields: Fields, _: int) -> Block:
    hidden_size = fields.count("hidden_size")
    experts, width = fields.count("n_routed_experts"), fields.count("moe_intermediate_size")
    latent_size = fields.count("moe_latent_size", default=hidden_size)
    shared = fields.count("n_shared_experts", default=0, least=0)
    shared_width = shared * fields.count("moe_shared_expert_intermediate_size") if shared else 0
    bias = fields.flag("mlp_bias")
    latent = (
        Linear(f"{_MIXER}.fc1_latent_proj", hidden_size, latent_size, Split.REPLICATED, bias=bias),
        Linear(f"{_MIXER}.fc2_latent_proj", latent_size, hidden_size, Split.REPLICATED, bias=bias),
    )
    return Block(
        linears=(
            *(latent if latent_size != hidden_size else ()),
            *make_experts(f"{_MIXER}.experts", latent_size, width, experts, is_gated=False),
            *(
                make_feed_forward(f"{_MIXER}.shared_experts", hidden_size, shared_width, is_gated=False, bias=bias)
                if shared_width
                else ()
            ),
        ),
        parameters=(
            make_norms(hidden_size, 1),
            Parameters(experts * hidden_size, is_split=False),  # the router is never quantised
            Parameters(experts, is_split=False, element_bytes=_FLOAT32_BYTES),  # its correction bias
        ),
        intermediate_size=shared_width,
        is_gated=False,
        experts=Experts(fields.count("num_experts_per_tok"), width, latent_size, is_gated=False),
    )


def _make_mamba(fields: Fields, _: int) -> Block:
    hidden_size, state = fields.count("hidden_size"), _read_state(fields)
    group_width, bias = state.groups * state.state_size, fields.flag("use_bias")

    def make_input(outputs: int, units: int | None = None) -> Linear:
        # One matrix in the checkpoint; vLLM divides each of its parts, and keeps scales for each.
        return Linear(f"{_MIXER}.in_proj", hidden_size, outputs, Split.COLUMNS, bias=bias, units=units)

    kernel_and_bias = state.conv_kernel + fields.flag("use_conv_bias", default=True)
    return Block(
        linears=(
            make_input(state.width),  # gate
            make_input(state.width),
            make_input(group_width, state.groups),
            make_input(group_width, state.groups),
            make_input(state.heads),  # time steps
            Linear(f"{_MIXER}.out_proj", state.width, hidden_size, Split.ROWS, bias=bias),
        ),
        parameters=(
            make_norms(hidden_size, 1),
            Parameters(state.width * kernel_and_bias, is_split=True),
            Parameters(2 * group_width * kernel_and_bias, is_split=True, units=state.groups),
            Parameters(state.width, is_split=True),  # the gated norm
            Parameters(state.heads, is_split=True, element_bytes=_FLOAT32_BYTES),  # decay rates
            Parameters(2 * state.heads, is_split=True),  # skip weights and time step biases
        ),
        state=state,
    )


def _read_state(fields: Fields) -> State:
    dtype = fields.text("mamba_ssm_cache_dtype", "float32")
    if dtype not in _ELEMENT_BYTES:
        raise ArchitectureError(
            f"config.json: mamba_ssm_cache_dtype: {show(dtype)} is no format of the Mamba state; known are "
            f"{', '.join(_ELEMENT_BYTES)}."
        )
    return State(
        heads=fields.count("mamba_num_heads"),
        head_dim=fields.count("mamba_head_dim"),
        groups=fields.count("n_groups", "mamba_n_groups"),
        state_size=fields.count("ssm_state_size"),
        conv_kernel=fields.count("conv_kernel", "mamba_d_conv"),
        ssm_element_bytes=_ELEMENT_BYTES[dtype],
    )
