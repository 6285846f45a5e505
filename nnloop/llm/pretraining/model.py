"""The tiny LLM itself: Qwen2's architecture, built, saved and loaded by transformers."""

import pathlib
from typing import TYPE_CHECKING

import torch

from nnloop.compat import ensure_torchvision_imports
from nnloop.settings import PretrainSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def build_model(settings: PretrainSettings, tokenizer: "PreTrainedTokenizerBase") -> "PreTrainedModel":
    """Build the model with fresh weights, float32."""
    ensure_torchvision_imports()
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(settings.seed)
    config = Qwen2Config(
        vocab_size=-(-len(tokenizer) // 64) * 64,
        hidden_size=settings.hidden_size,
        intermediate_size=settings.feed_forward,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.kv_heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen2ForCausalLM(config)


def save_model(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", folder: pathlib.Path) -> None:
    """Write config, tokenizer and bfloat16 weights, so that transformers' Auto classes load the folder."""
    weights = {name: tensor.detach().to("cpu", torch.bfloat16) for name, tensor in model.state_dict().items()}
    weights.pop("lm_head.weight", None)  # tied to the embeddings
    with torch.device("meta"):
        copy = type(model)(model.config).to(torch.bfloat16)
    copy.save_pretrained(folder, state_dict=weights)
    tokenizer.save_pretrained(folder)


def read_tokenizer(folder: pathlib.Path) -> "PreTrainedTokenizerBase":
    """Read the tokenizer that `save_model` wrote."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast.from_pretrained(folder)


def make_optimizers(model: "PreTrainedModel", settings: PretrainSettings) -> list[torch.optim.Optimizer]:
    """Make Muon for the layers' matrices, and AdamW for embeddings, norms and biases."""
    layers = {parameter for parameter in model.model.layers.parameters() if parameter.ndim == 2}
    others = [parameter for parameter in model.parameters() if parameter not in layers]
    muon = torch.optim.Muon(
        [p for p in model.parameters() if p in layers],
        lr=settings.matrix_lr,
        weight_decay=settings.weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    adamw = torch.optim.AdamW(others, lr=settings.other_lr, betas=(0.9, 0.95), weight_decay=0.0)
    return [muon, adamw]
