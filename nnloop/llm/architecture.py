"""The differences between causal LMs that generation and fine-tuning meet: attention, kept logits, linear layers."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

AUTO = "auto"  # among finetune.targets: all linear layers of the model
FULL, SLIDING = "full_attention", "sliding_attention"  # transformers' names


_BYPASSED = dict.fromkeys(("falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h"), ("out_proj",))
"""Layers by model_type whose weight Mamba's code reads past the layer, so that LoRA would have no effect on it."""


@dataclass(frozen=True, slots=True)
class AttentionLayout:
    """The earlier tokens that a model's layers attend to."""

    kinds: frozenset[str]  # of its layers: FULL, SLIDING, or others, whose state is not keys and values of each token
    window: int | None  # tokens that sliding layers attend to, the newest included

    @property
    def takes_masks(self) -> bool:
        """True if a mask says all that a layer attends to."""
        return self.kinds <= {FULL, SLIDING}

    def masks(self, causal: Tensor, distance: Tensor, *, dtype: torch.dtype | None) -> Tensor | dict[str, Tensor]:
        """Return the attention_mask that the model takes, one by kind of layer if it has both.

        `causal`, (..., Q, K) bool, allows key K to query Q; `distance`, of the same shape, is how many tokens K lies
        before Q. With a `dtype` the masks are numbers to be added, as eager attention wants them.
        """
        kinds = {FULL: causal}
        if SLIDING in self.kinds and self.window is not None:
            kinds[SLIDING] = causal & (distance < self.window)
        if dtype is not None:
            kinds = {kind: _additive(mask, dtype) for kind, mask in kinds.items()}
        return kinds if len(self.kinds) > 1 else kinds.get(next(iter(self.kinds)), kinds[FULL])


def attention_layout(config: "PretrainedConfig") -> AttentionLayout:
    """Return the layout that a model's config describes."""
    text = text_config(config)
    used = getattr(text, "use_sliding_window", True)
    given = [getattr(layer, "sliding_window", None) for layer in layer_configs(config)] if used else []
    windows = {int(window) for window in given if window is not None}
    kinds = frozenset(getattr(text, "layer_types", None) or _own_kinds(text) or [SLIDING if windows else FULL])
    return AttentionLayout(kinds if len(windows) < 2 else frozenset({"several_windows"}), min(windows, default=None))


def attention_masks(model: "PreTrainedModel", causal: Tensor, distance: Tensor) -> Tensor | dict[str, Tensor]:
    """Return the masks of `AttentionLayout.masks` for a loaded model and the attention that it runs."""
    eager = model.config._attn_implementation == "eager"
    return attention_layout(model.config).masks(causal, distance, dtype=model.dtype if eager else None)


def text_config(config: "PretrainedConfig") -> "PretrainedConfig":
    """Return the part of a config that describes the text model: of an image-and-text model it is one among several."""
    return config.get_text_config(decoder=True)


def _own_kinds(text: "PretrainedConfig") -> list[str]:
    """Return GPT-Neo's kinds of layers, for which it has names and masks of its own."""
    return list(getattr(text, "attention_layers", None) or ())


def layer_configs(config: "PretrainedConfig") -> Sequence["PretrainedConfig"]:
    """Return the config of each layer of the text model; most models have one for all."""
    return text_config(config).per_layer_config  # type: ignore[no-any-return]


def logits_at(model: "PreTrainedModel", columns: Tensor, **inputs: Any) -> Tensor:
    """Return the logits at these columns alone, (B, C, V); most models compute no others."""
    if "logits_to_keep" in inspect.signature(_bare(model).forward).parameters:
        return model(**inputs, logits_to_keep=columns).logits  # type: ignore[no-any-return]
    return model(**inputs).logits[:, columns]  # type: ignore[no-any-return]


def linear_layers(model: "PreTrainedModel") -> dict[str, tuple[int, int]]:
    """Return (in, out) of every matrix that LoRA can tune, by its full name; the output layer is not among them."""
    from transformers.pytorch_utils import Conv1D

    head, bypassed = model.get_output_embeddings(), _BYPASSED.get(model.config.model_type, ())
    layers: dict[str, tuple[int, int]] = {}
    for name, one in model.named_modules():
        if one is head or name.rpartition(".")[2] in bypassed:
            continue
        if isinstance(one, torch.nn.Linear) and _is_plain(one):
            layers[name] = (one.in_features, one.out_features)
        elif isinstance(one, Conv1D):  # GPT-2's, stored the other way round
            layers[name] = (one.weight.shape[0], one.weight.shape[1])
    return layers


def short_name(name: str) -> str:
    """Return the end of a layer's full name that is the same in every block: q_proj, or ffn.0 of a nameless layer."""
    parts = name.split(".")
    return ".".join(parts[-2:] if parts[-1].isdigit() else parts[-1:])


def empty_model(config: "PretrainedConfig") -> "PreTrainedModel":
    """Make the model of a config without memory for its weights."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def _is_plain(layer: torch.nn.Linear) -> bool:
    """Return whether a layer does what its class says; a router that is a Linear by class gives several tensors."""
    if not type(layer).__module__.startswith("transformers.models."):
        return True
    try:
        with torch.no_grad():
            output = layer(layer.weight.new_zeros(1, layer.in_features))
    except Exception:  # it takes another input
        return False
    return isinstance(output, Tensor) and output.shape == (1, layer.out_features)


def _bare(model: "PreTrainedModel") -> "PreTrainedModel":
    """Return the model inside PEFT's."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, torch.finfo(dtype).min)
