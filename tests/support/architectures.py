"""Small random models of every causal-LM architecture that transformers knows, from their configs alone."""

from typing import Any

from nnloop.compat import ensure_torchvision_imports

SIZES: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "embed_dim", "model_dim", "dim_model", "emb_dim"), 64),
    **dict.fromkeys(("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "dim_ff", "dff"), 96),
    **dict.fromkeys(("d_ff", "decoder_ffn_dim", "encoder_ffn_dim", "shared_intermediate_size"), 96),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size", "expert_dim"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers", "encoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads"), 4),
    **dict.fromkeys(("encoder_attention_heads", "attention_heads"), 4),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads", "multi_query_group_num"), 2),
    **dict.fromkeys(("head_dim", "attention_head_size", "global_head_dim", "kv_channels"), 16),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "top_k_experts", "moe_topk", "num_selected_experts"), 2),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length"), 256),
    **dict.fromkeys(("sliding_window", "attention_window", "window_size"), 8),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"), 16),
    "rotary_dim": 8,
}
"""Sizes by the names that configs have for them."""


_OPTIONAL = ("head_dim", "num_key_value_heads")  # None by default where a config computes them
_LATENT = {"num_key_value_heads": 4}  # compressed keys and values: every head has its own
OTHERS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("axk1", "axk2", "deepseek_v3", "deepseek_v32", "glm4_moe_lite", "glm_moe_dsa"), _LATENT),
    **dict.fromkeys(("longcat_flash", "minicpm3", "sarvam_mla", "youtu"), _LATENT),
    "deepseek_v2": {**_LATENT, "num_experts_per_tok": 2},
    "dots1": {"n_shared_experts": 1, "n_routed_experts": 4},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "mamba2": {"head_dim": 32, "num_heads": 4},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "zaya": {"num_experts_per_tok": 1},
    "bamba": {"attn_layer_indices": [1]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
}
"""What an architecture's config wants beside the sizes."""


def causal_kinds() -> list[str]:
    """Every model_type that AutoModelForCausalLM takes."""
    ensure_torchvision_imports()
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def make_config(kind: str, vocabulary: int = 300, **changes: Any) -> Any:
    """A small config of the model_type; `changes` go over the sizes."""
    ensure_torchvision_imports()
    from transformers import CONFIG_MAPPING

    return _small(CONFIG_MAPPING[kind], OTHERS.get(kind, {}) | changes, vocabulary)


def _small(config_class: Any, changes: dict[str, Any], vocabulary: int) -> Any:
    default = config_class()
    parts = {name: _small(type(getattr(default, name)), {}, vocabulary) for name in _parts(default)}
    values = {name: size for name, size in SIZES.items() if _settable(default, name)}
    kinds = list(dict.fromkeys(getattr(default, "layer_types", None) or ()))
    if len(kinds) > 1 and "num_hidden_layers" in values and _settable(default, "layer_types", list):
        values |= {"layer_types": kinds, "num_hidden_layers": len(kinds)}  # a layer of each kind
    if hasattr(default, "vocab_size"):
        values["vocab_size"] = vocabulary
    special = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    values |= {name: token for name, token in special.items() if hasattr(default, name)}
    return config_class(**{**values, **parts, **changes})


def _parts(default: Any) -> list[str]:
    """The configs inside a config: of the text, of images, of sound."""
    from transformers import PretrainedConfig

    return [name for name in default.sub_configs if isinstance(getattr(default, name, None), PretrainedConfig)]


def _settable(default: Any, name: str, kind: type = int) -> bool:
    """Whether a config has a value of this name and kind that can be given to it."""
    found = getattr(type(default), name, None)
    if isinstance(found, property) and found.fset is None:
        return False
    try:
        value = getattr(default, name, 0.5)
    except RuntimeError:  # it differs from layer to layer
        return False
    return isinstance(value, kind) or (value is None and name in _OPTIONAL)


def make_model(config: Any) -> Any:
    """The config's model with random weights, the same each time, whose logits differ from token to token."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.mul_(4)  # fresh weights make every token as likely
    return model
