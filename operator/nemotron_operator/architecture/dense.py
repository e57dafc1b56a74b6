"""Decoders whose every block is attention and a feed-forward layer: Llama, Mistral, Qwen, Phi, Minitron."""

from nemotron_operator.architecture.attention import make_attention, make_feed_forward, make_norms, read_key_values
from nemotron_operator.architecture.fields import Fields
from nemotron_operator.architecture.model import Block, KeyValues, Parameters
from nemotron_operator.architecture.windows import read_windows


def read_llama(fields: Fields) -> list[Block]:
    """Read Llama and Mistral: no biases unless they are told, no norms on heads (vllm/.../models/llama.py)."""
    bias = fields.flag("attention_bias") or fields.flag("bias")
    return _read_blocks(fields, bias=bias, output_bias=bias)


def read_qwen2(fields: Fields) -> list[Block]:
    """Read Qwen2: biases on queries, keys and values (vllm/.../models/qwen2.py)."""
    return _read_blocks(fields, bias=True)


def read_qwen3(fields: Fields) -> list[Block]:
    """Read Qwen3: norms on the heads of queries and keys (vllm/.../models/qwen3.py)."""
    return _read_blocks(fields, bias=fields.flag("attention_bias"), has_head_norms=True)


def read_minitron(fields: Fields) -> list[Block]:
    """Read Nemotron-4 and Minitron: squared ReLU without a gate, norms with a bias (vllm/.../models/nemotron.py)."""
    bias = fields.flag("attention_bias") or fields.flag("bias")
    return _read_blocks(fields, bias=bias, output_bias=bias, is_gated=False, norms_have_bias=True)


def _read_blocks(  # noqa: PLR0913 - each is one way in which these decoders differ
    fields: Fields,
    *,
    bias: bool,
    output_bias: bool = False,
    has_head_norms: bool = False,
    is_gated: bool = True,
    norms_have_bias: bool = False,
) -> list[Block]:
    hidden_size, intermediate_size = fields.count("hidden_size"), fields.count("intermediate_size")

    def make_block(key_values: KeyValues) -> Block:
        head_norms = (Parameters(2 * key_values.head_dim, is_split=False),) if has_head_norms else ()
        return Block(
            linears=(
                *make_attention("self_attn", hidden_size, key_values, bias=bias, output_bias=output_bias),
                *make_feed_forward(
                    "mlp", hidden_size, intermediate_size, is_gated=is_gated, bias=fields.flag("mlp_bias")
                ),
            ),
            parameters=(make_norms(hidden_size, 2, with_bias=norms_have_bias), *head_norms),
            key_values=key_values,
            intermediate_size=intermediate_size,
            is_gated=is_gated,
        )

    kinds = {window: make_block(read_key_values(fields, window)) for window in set(read_windows(fields))}
    return [kinds[window] for window in read_windows(fields)]
