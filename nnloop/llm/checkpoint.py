"""Loads a causal LM and its tokenizer; what can go wrong is one line with the remedy."""

from dataclasses import dataclass
from typing import Any

import psutil  # type: ignore[import-untyped]  # peft needs it too
import torch

from nnloop.compat import ensure_torchvision_imports
from nnloop.errors import ModelError, SettingsError
from nnloop.llm.chat import Tokenizer
from nnloop.llm.hub import Source, find, remedy
from nnloop.settings import HfLlmSettings

CPU_LIMIT = 2_000_000_000  # parameters; more on a CPU is hours per cycle and has to be asked for


@dataclass(frozen=True, slots=True)
class Checkpoint:
    model: Any  # transformers' PreTrainedModel
    tokenizer: Tokenizer
    ends: set[int]  # token ids that end the model's turn
    commit: str | None  # of the hub's snapshot, None for a folder


def load(settings: HfLlmSettings) -> Checkpoint:
    """Load the model onto its device. Raises ModelError, or SettingsError where the settings don't fit the model."""
    ensure_torchvision_imports()
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    source, device = find(settings.model, settings.revision), _device(settings)
    config = _read(settings, AutoConfig, source)
    _check_context(settings, config)
    dtype = getattr(torch, settings.dtype) if settings.dtype != "auto" else _default_dtype(device)
    _check_size(settings, config, device, dtype)
    tokenizer = _read(settings, _tokenizer_class(source), source)
    options = {"dtype": dtype, "attn_implementation": "sdpa", "device_map": {"": str(device)}}
    model = _read(settings, AutoModelForCausalLM, source, **options).eval().requires_grad_(False)
    return Checkpoint(model, tokenizer, _ends(model, tokenizer), source.commit)


def _tokenizer_class(source: Source) -> Any:
    """Give the class that reads the checkpoint's tokenizer as it was saved.

    For a Qwen2 model AutoTokenizer of transformers 5 always takes Qwen2Tokenizer, which puts Qwen's rule of splitting
    text in the place of the checkpoint's own. A checkpoint that declares the plain fast tokenizer is taken at its word.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast
    from transformers.models.auto.tokenization_auto import get_tokenizer_config

    declared = get_tokenizer_config(source.path, revision=source.commit).get("tokenizer_class")
    return PreTrainedTokenizerFast if declared in ("TokenizersBackend", "PreTrainedTokenizerFast") else AutoTokenizer


def _device(settings: HfLlmSettings) -> torch.device:
    name = settings.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SettingsError(f"llm.device={name}: must be auto, cpu, cuda or cuda:<number>") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(f"llm.device={name}: torch sees {torch.cuda.device_count()} GPUs here; use llm.device=auto")
    return device


def _default_dtype(device: torch.device) -> torch.dtype:
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def _read(settings: HfLlmSettings, kind: Any, source: Source, **options: Any) -> Any:
    """Call from_pretrained. Raises ModelError."""
    try:
        return kind.from_pretrained(source.path, revision=source.commit or "main", **options)
    except (OSError, ValueError) as error:
        raise ModelError(f"llm.model={settings.model}: {remedy(settings.model, error)}") from None


def _check_context(settings: HfLlmSettings, config: Any) -> None:
    """Refuse a context that the model does not have, or in which it would see only a sliding window.

    Generation keeps each row's keys and values (`rows.py`), and knows no other state.
    """
    kinds = set(getattr(config, "layer_types", None) or ()) - {"full_attention", "sliding_attention"}
    if kinds:
        raise ModelError(f"llm.model={settings.model}: layers of kind {', '.join(sorted(kinds))} are not supported")
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    for name in ("max_position_embeddings", "sliding window"):
        limit = window if name == "sliding window" else getattr(config, name, None)
        if limit is not None and settings.context_length > limit:
            raise SettingsError(f"llm.context_length={settings.context_length}: at most {limit}, the model's {name}")


def _check_size(settings: HfLlmSettings, config: Any, device: torch.device, dtype: torch.dtype) -> None:
    """Before anything large is downloaded: refuse what does not fit, and a large model on a CPU unless asked for."""
    parameters = count_parameters(config)
    if device.type == "cpu" and settings.device != "cpu" and parameters > CPU_LIMIT:
        raise ModelError(
            f"llm.model={settings.model}: {parameters / 1e9:.1f} billion parameters and no GPU here: a cycle would take"
            " hours; use llm=tiny, or llm.device=cpu to do it all the same"
        )
    needed, free = parameters * dtype.itemsize, _free_bytes(device)
    if needed > free:
        raise ModelError(
            f"llm.model={settings.model}: its weights alone take {needed / 1e9:.1f} GB in {str(dtype)[6:]}, and"
            f" {free / 1e9:.1f} GB are free on {device}; take a smaller model or another llm.device"
        )


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(psutil.virtual_memory().available)


def count_parameters(config: Any) -> int:
    """Count a model's parameters without making them."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return sum(parameter.numel() for parameter in model.parameters())


def _ends(model: Any, tokenizer: Tokenizer) -> set[int]:
    """Collect the ids that may end a turn: chat models often name one in generation_config.json alone."""
    ends: set[int] = set()
    for value in (model.generation_config.eos_token_id, model.config.eos_token_id, tokenizer.eos_token_id):
        ends.update([value] if isinstance(value, int) else value or [])
    return ends
