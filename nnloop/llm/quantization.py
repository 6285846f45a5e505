"""In which numbers a model is held: dtype, quantisation, and on which device."""

import importlib.util
from typing import Any

import torch

from nnloop.errors import ModelError, SettingsError
from nnloop.settings import HfLlmSettings

BALANCED = "balanced"  # llm.device: layers spread over all GPUs


def device_of(settings: HfLlmSettings) -> torch.device:
    """Give the device of the first layer. Raises SettingsError or ModelError where there is none of that name."""
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


def device_map(settings: HfLlmSettings, device: torch.device) -> Any:
    return BALANCED if settings.device == BALANCED else {"": str(device)}


def dtype_of(settings: HfLlmSettings, device: torch.device) -> torch.dtype:
    """Give the dtype, by default bfloat16 on a GPU that has it, else float32. Raises ModelError."""
    has_bfloat16 = device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
    if settings.dtype == "bfloat16" and not has_bfloat16:
        raise ModelError("llm.dtype=bfloat16: this GPU has none; use float16 with finetune=off, or float32")
    if settings.dtype != "auto":
        found: torch.dtype = getattr(torch, settings.dtype)
        return found
    return torch.bfloat16 if device.type == "cuda" and has_bfloat16 else torch.float32


def quantization(settings: HfLlmSettings, dtype: torch.dtype) -> dict[str, Any]:
    """Give from_pretrained's options for llm.quantize. Raises ModelError without bitsandbytes."""
    if settings.quantize == "none":
        return {}
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(f"llm.quantize={settings.quantize}: needs bitsandbytes: pip install 'nnloop[gpu]'")
    from transformers import BitsAndBytesConfig

    if settings.quantize == "int8":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    return {"quantization_config": config}


def keep_trainable(model: Any) -> None:
    """Have 4-bit weights stay tunable once they have written.

    On CPUs with AVX512-BF16 bitsandbytes would pack them anew at the first forward pass: gradients can't pass that, and
    widths that are no multiple of its blocks break it.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
