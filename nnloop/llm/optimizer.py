"""The optimizer of a fine-tune, and its learning rate."""

import importlib.util
import math
from collections.abc import Sequence
from typing import Any

import torch

from nnloop.errors import ModelError
from nnloop.settings import LoraSettings

ADAMW, PAGED_8BIT = "adamw", "paged_adamw_8bit"


def choose(wanted: str, device: torch.device) -> str:
    """Name the optimizer: `auto` is 8-bit paged AdamW (paper A) on a GPU where bitsandbytes is there, else AdamW."""
    there = importlib.util.find_spec("bitsandbytes") is not None
    if wanted == PAGED_8BIT and not there:
        raise ModelError(f"finetune.optimizer={wanted}: needs bitsandbytes: pip install 'nnloop[gpu]'")
    if wanted == "auto":
        return PAGED_8BIT if there and device.type == "cuda" else ADAMW
    return wanted


def make(name: str, weights: Sequence[torch.nn.Parameter], settings: LoraSettings) -> torch.optim.Optimizer:
    if name == ADAMW:
        return torch.optim.AdamW(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    import bitsandbytes

    on_gpu = weights[0].device.type == "cuda"  # a CPU's memory has no pages to move
    kind = bitsandbytes.optim.PagedAdamW8bit if on_gpu else bitsandbytes.optim.AdamW8bit
    found: torch.optim.Optimizer = kind(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    return found


def set_rate(optimizer: Any, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def cosine(step: int, warmup: int, total: int) -> float:
    """Factor on the learning rate: linear warm-up, over half the steps at most, then half a cosine down to 0."""
    warmup = min(warmup, total // 2)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))
