"""Load a causal LM and its tokenizer; errors are reported in one line with a remedy."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]  # peft needs it too
import torch

from nnloop.compat import ensure_torchvision_imports
from nnloop.errors import ModelError, SettingsError
from nnloop.llm import quantization
from nnloop.llm.architecture import empty_model, text_config
from nnloop.llm.chat import Chat
from nnloop.llm.hub import ModelSource, check_complete, check_space, find, remedy
from nnloop.llm.memory_forecast import Shape, sequences_that_fit, shape_of
from nnloop.settings import HfLlmSettings

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

CPU_LIMIT = 2_000_000_000  # parameters; a larger model takes hours per cycle on a CPU: only with llm.device=cpu


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A causal LM on its device, with its tokenizer."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    ends: set[int]  # token ids that end the model's turn
    commit: str | None  # of the hub's snapshot, None for a folder
    shape: Shape


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """A model that can be had, and how it is going to be loaded."""

    source: ModelSource
    device: torch.device
    dtype: torch.dtype
    shape: Shape
    tokenizer: "PreTrainedTokenizerBase"
    layers: "PreTrainedModel"  # without memory for its weights


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the progress bars of transformers."""
    ensure_torchvision_imports()
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


@_quiet()
def load(settings: HfLlmSettings) -> LoadedModel:
    """Load the model onto its device. Raises ModelError, or SettingsError if the settings don't fit the model."""
    from transformers import AutoModelForCausalLM

    made = plan(settings)
    options = {"device_map": quantization.device_map(settings, made.device), "dtype": made.dtype}
    options |= quantization.quantization(settings, made.dtype, gguf=made.source.gguf is not None)
    model = _read(settings, AutoModelForCausalLM, made.source, **options)
    quantization.ensure_trainable(model)
    return LoadedModel(
        model=model.eval().requires_grad_(False),
        tokenizer=made.tokenizer,
        ends=_ends(model, made.tokenizer),
        commit=made.source.commit,
        shape=made.shape,
    )


@_quiet()
def plan(settings: HfLlmSettings) -> ModelPlan:
    """Check all that small files tell: the model can be had, loaded and asked, and has the context and the memory.

    Raises ModelError or SettingsError. Of a GGUF on the hub the file itself is downloaded, since it is all in one.
    """
    quantization.quiet_bitsandbytes(settings)
    source, device = find(settings.model, settings.revision), quantization.device_of(settings)
    check_space(settings.model, source)
    config = read_config(settings, source)
    quantization.check_quantised(settings, settings.model, config)
    layers = _empty(settings, config)
    shape = shape_of(config, layers)
    dtype = quantization.dtype_of(settings, device, shape.parameters)
    _check_size(settings, shape, device=device, dtype=dtype)
    check_complete(settings.model, source)
    quantization.quantization(settings, dtype, gguf=source.gguf is not None)
    tokenizer = _read(settings, _tokenizer_class(source), source)
    Chat(tokenizer, settings.system, settings.template).check()
    return ModelPlan(source, device=device, dtype=dtype, shape=shape, tokenizer=tokenizer, layers=layers)


def read_shape(settings: HfLlmSettings) -> Shape:
    """Read the numbers that decide the memory, from the config alone. Raises ModelError."""
    config = read_config(settings, find(settings.model, settings.revision))
    return shape_of(config, _empty(settings, config))


def load_tokenizer(settings: HfLlmSettings) -> "PreTrainedTokenizerBase":
    """Load the tokenizer alone. Raises ModelError."""
    ensure_torchvision_imports()
    source = find(settings.model, settings.revision)
    return _read(settings, _tokenizer_class(source), source)


def read_config(settings: HfLlmSettings, source: ModelSource) -> "PretrainedConfig":
    """Read the model's config and check the context length against it."""
    ensure_torchvision_imports()
    from transformers import AutoConfig

    config = _read(settings, AutoConfig, source)
    _check_context(settings, config)
    return config


def _empty(settings: HfLlmSettings, config: "PretrainedConfig") -> "PreTrainedModel":
    """Make the config's model without weights. Raises ModelError if it is no causal LM or can't be made."""
    try:
        return empty_model(config)
    except Exception as error:  # whatever an architecture's own code raises
        raise ModelError(f"llm.model={settings.model}: {remedy(settings.model, error)}") from None


def free_bytes(device: torch.device) -> int:
    """Return the memory that is free on a device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(psutil.virtual_memory().available)


def _tokenizer_class(source: ModelSource) -> Any:
    """Return the class that reads the checkpoint's tokenizer.json as it stands.

    AutoTokenizer of transformers 5 goes by the kind of model instead: for a Qwen2 model it builds Qwen's rule of
    splitting text around whatever vocabulary there is, and a Mistral one may come from another file.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast
    from transformers.utils import cached_file

    if source.gguf is not None:
        return AutoTokenizer
    file = cached_file(
        source.path, "tokenizer.json", revision=source.commit, _raise_exceptions_for_missing_entries=False
    )
    return AutoTokenizer if file is None else PreTrainedTokenizerFast


def _read(settings: HfLlmSettings, kind: Any, source: ModelSource, **options: Any) -> Any:
    """Call from_pretrained. Raises ModelError."""
    if source.gguf is not None:
        if importlib.util.find_spec("gguf") is None:
            raise ModelError(f"llm.model={settings.model}: a GGUF is read by package gguf: pip install 'nnloop[gguf]'")
        options["gguf_file"] = source.gguf
    try:
        return kind.from_pretrained(source.path, revision=source.commit or "main", **options)
    except Exception as error:  # beside OSError and ValueError, whatever an architecture's own code raises
        raise ModelError(f"llm.model={settings.model}: {remedy(settings.model, error)}") from None


def _check_context(settings: HfLlmSettings, config: "PretrainedConfig") -> None:
    """Refuse a context that the model does not have."""
    limit = getattr(text_config(config), "max_position_embeddings", None)
    if isinstance(limit, int) and settings.context_length > limit:
        raise SettingsError(
            f"llm.context_length={settings.context_length}: at most {limit}, the model's max_position_embeddings"
        )


def _check_size(settings: HfLlmSettings, shape: Shape, *, device: torch.device, dtype: torch.dtype) -> None:
    """Refuse a model that does not fit, and a large one on a CPU unless asked for, before anything is downloaded."""
    if device.type == "cpu" and settings.device != "cpu" and shape.parameters > CPU_LIMIT:
        raise ModelError(
            f"llm.model={settings.model}: {shape.parameters / 1e9:.1f} billion parameters and no GPU here: a cycle"
            " would take hours; use llm=tiny, or llm.device=cpu to do it all the same"
        )
    devices = [device]
    if settings.device == quantization.BALANCED:
        devices = [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    needed, free = shape.weights(dtype.itemsize, settings.quantize), sum(map(free_bytes, devices))
    if (
        needed < free
        and sequences_that_fit(shape, free=free - needed, bytes_each=dtype.itemsize, tokens=settings.context_length) < 1
    ):
        raise ModelError(
            f"llm.context_length={settings.context_length}: {(free - needed) / 1e9:.1f} GB are free on {device} beside"
            f" the weights of {settings.model}, too few for one completion; use a shorter one, or llm.quantize=nf4"
        )
    if needed > free:
        kind = str(dtype)[6:] if settings.quantize == "none" else settings.quantize
        smaller = "llm.quantize=nf4, " if settings.quantize != "nf4" else ""
        raise ModelError(
            f"llm.model={settings.model}: its weights alone take {needed / 1e9:.1f} GB in {kind}, and"
            f" {free / 1e9:.1f} GB are free on {device}; take {smaller}a smaller model or another llm.device"
        )


def _ends(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> set[int]:
    """Collect the ids that may end a turn: chat models often name one in generation_config.json alone."""
    ends: set[int] = set()
    for value in (model.generation_config.eos_token_id, model.config.eos_token_id, tokenizer.eos_token_id):
        ends.update([value] if isinstance(value, int) else value or [])
    return ends
