"""Nemotron NAS (Super 49B, Ultra 253B): every block has its own feed-forward width, or none, and attention or none.

Source: vllm/model_executor/models/nemotron_nas.py.
"""

from typing import Any

from nemotron_operator.architecture.attention import make_attention, make_feed_forward, make_norms, read_head_dim
from nemotron_operator.architecture.errors import ArchitectureError
from nemotron_operator.architecture.fields import LARGEST_COUNT, MOST_LAYERS, Fields, show
from nemotron_operator.architecture.model import Block, KeyValues

_FFN_MULTIPLE = 256
"""`ffn_mult` gives a width that is rounded up to this."""


def read_deci(fields: Fields) -> list[Block]:
    """Read the blocks of a DeciLM, in their order."""
    configs = fields.rows("block_configs")
    layers = fields.count("num_hidden_layers", default=len(configs), most=MOST_LAYERS)
    if len(configs) != layers:
        raise ArchitectureError(
            f"config.json: block_configs: has {len(configs)} blocks, num_hidden_layers says {layers}."
        )
    numbered = {f"block_configs[{number}]": config for number, config in enumerate(configs)}
    return [_read_block(fields, Fields(numbered).part(name)) for name in numbered]


def _read_block(fields: Fields, block: Fields) -> Block:
    hidden_size = fields.count("hidden_size")
    attention, feed_forward = block.part("attention"), block.part("ffn")
    for part in (attention, feed_forward):
        if part.flag("replace_with_linear"):
            raise ArchitectureError(f"config.json: {part.where}replace_with_linear: vLLM does not serve such blocks.")
    key_values = None if attention.flag("no_op") else _read_key_values(fields, attention)
    width = 0 if feed_forward.flag("no_op") else _read_width(feed_forward, hidden_size)
    bias = fields.flag("attention_bias") or fields.flag("bias")
    attention_linears = (
        make_attention("self_attn", hidden_size, key_values, bias=bias, output_bias=bias) if key_values else ()
    )
    feed_forward_linears = make_feed_forward("mlp", hidden_size, width, bias=fields.flag("mlp_bias")) if width else ()
    return Block(
        linears=(*attention_linears, *feed_forward_linears),
        parameters=(make_norms(hidden_size, bool(key_values) + bool(width)),),
        key_values=key_values,
        intermediate_size=width,
    )


def _read_key_values(fields: Fields, attention: Fields) -> KeyValues:
    heads = fields.count("num_attention_heads")
    if attention.has("window_length"):
        raise ArchitectureError(f"config.json: {attention.where}window_length: vLLM does not serve such blocks.")
    in_group = attention.count("n_heads_in_group", most=heads)
    return KeyValues(heads, heads // in_group, read_head_dim(fields, heads))


def _read_width(feed_forward: Fields, hidden_size: int) -> int:
    multiple = feed_forward.values.get("ffn_mult")
    if multiple is None:
        return feed_forward.count("intermediate_size")
    width = int(2 * _number(feed_forward, multiple) * hidden_size / 3)
    return -(-width // _FFN_MULTIPLE) * _FFN_MULTIPLE


def _number(part: Fields, value: Any) -> float:  # noqa: ANN401 - whatever a config.json holds
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LARGEST_COUNT:
        raise ArchitectureError(
            f"config.json: {part.where}ffn_mult: must be a number above 0 and up to {LARGEST_COUNT} "
            f"(found {show(value)})."
        )
    return value
