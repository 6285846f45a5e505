"""The optimizer of a fine-tune, and its learning rate."""

import importlib.util
import math
from collections.abc import Sequence

import torch

from nnloop.errors import ModelError
from nnloop.settings import LoraSettings

ADAMW, PAGED_8BIT = "adamw", "paged_adamw_8bit"


def choose(wanted: str, device: torch.device) -> str:
    """Return the name of the optimizer that finetune.optimizer stands for on this device.

    `auto` is 8-bit paged AdamW (paper A) on a GPU where bitsandbytes is installed, else AdamW. Raises ModelError
    without bitsandbytes where it is asked for.
    """
    installed = importlib.util.find_spec("bitsandbytes") is not None
    if wanted == PAGED_8BIT and not installed:
        raise ModelError(f"finetune.optimizer={wanted}: needs bitsandbytes: pip install 'nnloop[gpu]'")
    if wanted == "auto":
        return PAGED_8BIT if installed and device.type == "cuda" else ADAMW
    return wanted


def make(name: str, weights: Sequence[torch.nn.Parameter], settings: LoraSettings) -> torch.optim.Optimizer:
    """Make the optimizer that `choose` named, for these weights."""
    kind: type[torch.optim.Optimizer] = torch.optim.AdamW
    if name == PAGED_8BIT:
        from bitsandbytes.optim import AdamW8bit, PagedAdamW8bit

        on_gpu = weights[0].device.type == "cuda"  # a CPU's memory has no pages to move
        kind = PagedAdamW8bit if on_gpu else AdamW8bit
    return kind(weights, lr=settings.lr, weight_decay=settings.weight_decay)  # type: ignore[call-arg]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def cosine(step: int, warmup: int, total: int) -> float:
    """Return the learning rate's factor: linear warm-up, over half the steps at most, then half a cosine down to 0."""
    warmup = min(warmup, total // 2)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))
