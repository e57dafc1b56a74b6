"""Small config.json files of each family, to be changed by a test."""

from typing import Any

Config = dict[str, Any]

LLAMA: Config = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 3,
    "vocab_size": 100,
    "max_position_embeddings": 2048,
}

NEMOTRON_H: Config = {
    **LLAMA,
    "architectures": ["NemotronHForCausalLM"],
    "hybrid_override_pattern": "M-*E",
    "num_hidden_layers": 4,
    "mamba_num_heads": 4,
    "mamba_head_dim": 8,
    "n_groups": 2,
    "ssm_state_size": 16,
    "conv_kernel": 4,
    "n_routed_experts": 6,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 24,
    "n_shared_experts": 1,
    "moe_shared_expert_intermediate_size": 48,
}

PUZZLE: Config = {
    **{name: value for name, value in LLAMA.items() if name not in {"intermediate_size", "num_key_value_heads"}},
    "architectures": ["DeciLMForCausalLM"],
    "num_hidden_layers": 2,
    "block_configs": [
        {"attention": {"n_heads_in_group": 2, "no_op": False}, "ffn": {"ffn_mult": 2.625, "no_op": False}},
        {"attention": {"n_heads_in_group": None, "no_op": True}, "ffn": {"ffn_mult": 1.3125, "no_op": False}},
    ],
}

MIXTRAL: Config = {
    **LLAMA,
    "architectures": ["MixtralForCausalLM"],
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
}

QWEN3_MOE: Config = {
    **LLAMA,
    "architectures": ["Qwen3MoeForCausalLM"],
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
}

MISTRAL_3: Config = {
    "architectures": ["Mistral3ForConditionalGeneration"],
    "text_config": {name: value for name, value in LLAMA.items() if name != "architectures"},
    "vision_config": {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "patch_size": 4},
    "spatial_merge_size": 2,
}

FAMILIES: dict[str, Config] = {
    "LlamaForCausalLM": LLAMA,
    "NemotronHForCausalLM": NEMOTRON_H,
    "DeciLMForCausalLM": PUZZLE,
    "MixtralForCausalLM": MIXTRAL,
    "Qwen3MoeForCausalLM": QWEN3_MOE,
    "Mistral3ForConditionalGeneration": MISTRAL_3,
    "GptOssForCausalLM": {**MIXTRAL, "architectures": ["GptOssForCausalLM"], "sliding_window": 16},
    **{
        name: {**LLAMA, "architectures": [name]}
        for name in ("MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "NemotronForCausalLM")
    },
}
"""One config.json of each class that can be planned."""


def make_compressed(**weights: object) -> Config:
    """Write a compressed-tensors quantisation."""
    return {"quant_method": "compressed-tensors", "config_groups": {"g": {"targets": ["Linear"], "weights": weights}}}
