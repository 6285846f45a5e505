"""The numbers that a model's weights are stored in (dtype, quantisation), and the device that holds them."""

import importlib.util
import logging
from typing import TYPE_CHECKING, Any

import torch

from nnloop.errors import ModelError, SettingsError
from nnloop.settings import CausalLlmSettings

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

SMALL = 50_000_000  # parameters up to which a CPU computes in float32
BALANCED = "balanced"  # llm.device: layers spread over all GPUs


def device_of(settings: CausalLlmSettings) -> torch.device:
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


def device_map(settings: CausalLlmSettings, device: torch.device) -> str | dict[str, str]:
    """Return from_pretrained's device_map: all layers on `device`, or spread over all GPUs."""
    return BALANCED if settings.device == BALANCED else {"": str(device)}


def dtype_of(settings: CausalLlmSettings, device: torch.device, parameters: int) -> torch.dtype:
    """Return the weights' dtype: by default bfloat16 where the device computes in it, else float32.

    On a CPU that is for models above SMALL parameters: smaller ones gain nothing, and llm=tiny's results stay what they
    are on every machine. Raises ModelError if bfloat16 is wanted of a GPU without it.
    """
    has_bfloat16 = device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
    if settings.dtype == "bfloat16" and not has_bfloat16:
        raise ModelError("llm.dtype=bfloat16: this GPU has none; use float16 with finetune=off, or float32")
    if settings.dtype != "auto":
        dtype: torch.dtype = getattr(torch, settings.dtype)
        return dtype
    fast = has_bfloat16 if device.type == "cuda" else parameters > SMALL and _cpu_has_bfloat16()
    return torch.bfloat16 if fast else torch.float32


def _cpu_has_bfloat16() -> bool:
    """Return whether the processor multiplies in bfloat16; others imitate it, slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16"))


def check_quantised(settings: CausalLlmSettings, model: str, config: "PretrainedConfig") -> None:
    """Refuse a checkpoint in quantised weights (AWQ, GPTQ, ...) that can't be loaded here. Raises ModelError."""
    given = getattr(config, "quantization_config", None)
    if given is None:
        return
    method = given.get("quant_method") if isinstance(given, dict) else given.quant_method
    method = str(getattr(method, "value", method))
    if settings.quantize != "none":
        raise ModelError(f"llm.quantize={settings.quantize}: {model} is quantised already, by {method}; use none")
    from transformers.quantizers import AutoHfQuantizer

    try:
        device_map = {"": str(device_of(settings))}
        AutoHfQuantizer.from_config(given, pre_quantized=True).validate_environment(device_map=device_map)
    except Exception as error:  # each method's own: a missing package, no GPU, too old a one
        told = " ".join(str(error).split())[:200]
        raise ModelError(
            f"llm.model={model}: its weights are quantised by {method}, which can't be loaded here ({told}); take the"
            " unquantised checkpoint, with llm.quantize=nf4 where the memory is short"
        ) from None


def quantization(settings: CausalLlmSettings, dtype: torch.dtype, *, gguf: bool) -> dict[str, Any]:
    """Return from_pretrained's options for llm.quantize. Raises ModelError without bitsandbytes, or for a GGUF."""
    if gguf and settings.quantize != "none":
        raise ModelError(f"llm.quantize={settings.quantize}: a GGUF can't be quantised; give the original checkpoint")
    if gguf:
        from transformers import GgufConfig

        return {"quantization_config": GgufConfig(dequantize=True)}  # else its blocks stay, which can't be tuned
    if settings.quantize == "none":
        return {}
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(f"llm.quantize={settings.quantize}: needs bitsandbytes: pip install 'nnloop[gpu]'")
    from transformers import BitsAndBytesConfig

    if settings.quantize == "int8":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
    nf4 = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True, "bnb_4bit_compute_dtype": dtype}
    return {"quantization_config": BitsAndBytesConfig(load_in_4bit=True, **nf4)}


def quiet_bitsandbytes(settings: CausalLlmSettings) -> None:
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
