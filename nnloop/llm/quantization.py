"""The numbers that a model's weights are stored in (dtype, quantisation), and the device that holds them."""

import importlib.util
import logging
from typing import TYPE_CHECKING, Any

import torch

from nnloop.errors import ModelError, SettingsError
from nnloop.settings import HfLlmSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BALANCED = "balanced"  # llm.device: layers spread over all GPUs


def device_of(settings: HfLlmSettings) -> torch.device:
    """Return the first layer's device. Raises SettingsError for an unknown name, ModelError for a missing GPU."""
    name = settings.device
    if name in ("auto", BALANCED):
        if name == BALANCED and not torch.cuda.is_available():
            raise ModelError(f"llm.device={name}: torch sees no GPU here; use llm.device=auto")
        name = "cuda:0" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SettingsError(f"llm.device={name}: must be auto, balanced, cpu, cuda or cuda:<number>") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(f"llm.device={name}: torch sees {torch.cuda.device_count()} GPUs here; use llm.device=auto")
    return device


def device_map(settings: HfLlmSettings, device: torch.device) -> str | dict[str, str]:
    """Return from_pretrained's device_map: all layers on `device`, or spread over all GPUs."""
    return BALANCED if settings.device == BALANCED else {"": str(device)}


def dtype_of(settings: HfLlmSettings, device: torch.device) -> torch.dtype:
    """Return the weights' dtype: by default bfloat16 on a GPU that has it, else float32.

    Raises ModelError if bfloat16 is wanted of a GPU without it.
    """
    has_bfloat16 = device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
    if settings.dtype == "bfloat16" and not has_bfloat16:
        raise ModelError("llm.dtype=bfloat16: this GPU has none; use float16 with finetune=off, or float32")
    if settings.dtype != "auto":
        dtype: torch.dtype = getattr(torch, settings.dtype)
        return dtype
    return torch.bfloat16 if device.type == "cuda" and has_bfloat16 else torch.float32


def quantization(settings: HfLlmSettings, dtype: torch.dtype) -> dict[str, Any]:
    """Return from_pretrained's options for llm.quantize. Raises ModelError without bitsandbytes."""
    if settings.quantize == "none":
        return {}
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(f"llm.quantize={settings.quantize}: needs bitsandbytes: pip install 'nnloop[gpu]'")
    from transformers import BitsAndBytesConfig

    if settings.quantize == "int8":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
    nf4 = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True, "bnb_4bit_compute_dtype": dtype}
    return {"quantization_config": BitsAndBytesConfig(load_in_4bit=True, **nf4)}


def quiet_bitsandbytes(settings: HfLlmSettings) -> None:
    """Silence the line of bitsandbytes about a faster kernel for 4 bits where they are not used.

    PEFT imports bitsandbytes wherever it is installed, and the line comes with the import.
    """
    level = logging.NOTSET if settings.quantize == "nf4" else logging.ERROR
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(level)


def ensure_trainable(model: "PreTrainedModel") -> None:
    """Make 4-bit weights stay tunable after the model has generated.

    On CPUs with AVX512-BF16 bitsandbytes would pack them anew at the first forward pass: gradients can't pass that, and
    widths that are no multiple of its blocks break it.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
