"""Small models of every architecture: few layers, odd sizes, a vocabulary that is no multiple of 64."""

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]

_DECODER: Config = {
    "hidden_size": 256,
    "intermediate_size": 384,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "num_hidden_layers": 5,
    "vocab_size": 1001,
    "max_position_embeddings": 4096,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
}

_LLAMA: Config = {**_DECODER, "architectures": ["LlamaForCausalLM"], "model_type": "llama"}

_NEMOTRON_H: Config = {
    **_DECODER,
    "architectures": ["NemotronHForCausalLM"],
    "model_type": "nemotron_h",
    "hybrid_override_pattern": "M-M*-M",
    "num_hidden_layers": 6,
    "mamba_num_heads": 8,
    "mamba_head_dim": 16,
    "ssm_state_size": 32,
    "n_groups": 4,
    "conv_kernel": 4,
    "mlp_hidden_act": "relu2",
    "use_conv_bias": True,
}

_MIXTURE: Config = {
    **_NEMOTRON_H,
    "hybrid_override_pattern": "MEME*E",
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 128,
    "moe_shared_expert_intermediate_size": 192,
    "n_shared_experts": 1,
    "n_group": 1,
    "topk_group": 1,
}

_SPARSE: Config = {"num_experts_per_tok": 2, "moe_intermediate_size": 128}

ROPE_OF_GPT_OSS: Config = {
    "rope_type": "yarn",
    "factor": 32.0,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "original_max_position_embeddings": 4096,
    "truncate": False,
}


_GPT_OSS: Config = {
    **_DECODER,
    "architectures": ["GptOssForCausalLM"],
    "model_type": "gpt_oss",
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 6,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 3,
    "rope_scaling": ROPE_OF_GPT_OSS,
}


def _make_puzzle_block(heads_in_group: int | None, multiple: float | None) -> dict[str, Any]:
    return {
        "attention": {"n_heads_in_group": heads_in_group, "no_op": heads_in_group is None},
        "ffn": {"ffn_mult": multiple, "no_op": multiple is None},
    }


_PUZZLE: Config = {
    **{name: value for name, value in _DECODER.items() if name not in {"intermediate_size", "num_key_value_heads"}},
    "architectures": ["DeciLMForCausalLM"],
    "model_type": "nemotron-nas",
    "num_hidden_layers": 4,
    "block_configs": [
        _make_puzzle_block(4, 1.3125),
        _make_puzzle_block(None, 2.625),
        _make_puzzle_block(2, None),
        _make_puzzle_block(4, 3.28125),
    ],
}

FP8_DYNAMIC: Config = {
    "quant_method": "compressed-tensors",
    "format": "float-quantized",
    "quantization_status": "compressed",
    "ignore": ["lm_head", "model.layers.1.mlp.down_proj"],
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "float", "strategy": "channel", "symmetric": True, "dynamic": False},
            "input_activations": {
                "num_bits": 8,
                "type": "float",
                "strategy": "token",
                "symmetric": True,
                "dynamic": True,
            },
        }
    },
}


def _quantize(config: Config, algorithm: str, *ignored: str) -> Config:
    """Quantise as ModelOpt does."""
    quantization = {
        "quant_method": "modelopt",
        "quant_algo": algorithm,
        "ignore": ["lm_head", *ignored],
        "producer": {"name": "modelopt", "version": "0.29.0"},
        "kv_cache_scheme": {"dynamic": False, "num_bits": 8, "type": "float"},
        "config_groups": {
            "group_0": {
                "targets": ["Linear"],
                "weights": {"dynamic": False, "num_bits": 4, "type": "float", "group_size": 16},
                "input_activations": {"dynamic": False, "num_bits": 4, "type": "float", "group_size": 16},
            }
        },
    }
    if algorithm == "FP8":
        del quantization["config_groups"]
    return {**config, "quantization_config": quantization}


WITHOUT_EXPERTS_AT_THE_END: Config = {**_MIXTURE, "hybrid_override_pattern": "ME*EM-"}
"""A model whose last pipeline stage of three has no experts."""

BF16_MODELS: dict[str, Config] = {
    "llama": _LLAMA,
    "llama, tied": {**_LLAMA, "tie_word_embeddings": True},
    "mistral": {**_DECODER, "architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": None},
    "qwen2": {**_DECODER, "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"},
    "qwen3": {**_DECODER, "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"},
    "minitron": {
        **_DECODER,
        "architectures": ["NemotronForCausalLM"],
        "model_type": "nemotron",
        "hidden_act": "relu2",
    },
    "nemotron nas": _PUZZLE,
    "nemotron-h": _NEMOTRON_H,
    "nemotron-h, one group": {**_NEMOTRON_H, "n_groups": 1},
    "nemotron-h, biases": {**_NEMOTRON_H, "use_bias": True, "mlp_bias": True},
    "nemotron-h, experts": _MIXTURE,
    "nemotron-h, latent experts": {**_MIXTURE, "moe_latent_size": 64},
    "mixtral": {
        **_DECODER,
        "architectures": ["MixtralForCausalLM"],
        "model_type": "mixtral",
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "sliding_window": None,
    },
    "qwen3 moe": {
        **_DECODER,
        **_SPARSE,
        "architectures": ["Qwen3MoeForCausalLM"],
        "model_type": "qwen3_moe",
        "num_experts": 4,
        "mlp_only_layers": [1],
        "decoder_sparse_step": 1,
    },
    "gpt-oss": _GPT_OSS,
}
"""Models whose weights are BF16."""

QUANTIZED_MODELS: dict[str, Config] = {
    "llama, FP8-dynamic": {**_LLAMA, "quantization_config": FP8_DYNAMIC},
    "llama, FP8": _quantize(_LLAMA, "FP8"),
    "llama, NVFP4": _quantize(_LLAMA, "NVFP4", "model.layers.1*"),
    "nemotron-h, FP8": _quantize(_NEMOTRON_H, "FP8", "backbone.layers.2.mixer.in_proj", "backbone.layers.3*"),
    "nemotron-h, NVFP4": _quantize(_NEMOTRON_H, "NVFP4", "backbone.layers.2.mixer.in_proj", "backbone.layers.3*"),
    "nemotron-h, experts, FP8": _quantize(_MIXTURE, "FP8", "backbone.layers.2*"),
    "nemotron-h, experts, NVFP4": _quantize(_MIXTURE, "NVFP4", "backbone.layers.2*"),
    "nemotron-h, latent experts, NVFP4": _quantize({**_MIXTURE, "moe_latent_size": 64}, "NVFP4", "*.fc1_latent_proj"),
}
"""Models whose weights are quantised as Nemotron's are."""
