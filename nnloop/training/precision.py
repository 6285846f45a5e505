"""Which precision a trial computes in: bfloat16 beside float32 where that is faster, float32 elsewhere.

Weights, their updates and the loss are float32 in either. On a CPU only AMX makes bfloat16 pay. One core of a CPU that
has it trains our seed networks at CIFAR-10's size 1.7 times as fast as in float32 (geometric mean), and those of
digits 0.9 times: below `FEW_FLOPS` the casts cost more than they save.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.overrides import TorchFunctionMode

FEW_FLOPS = 250_000_000
"""A batch's forward pass below this many stays float32 on a CPU; digits' have 2 to 130 million."""
CONVOLUTIONS = (torch.conv1d, torch.conv2d, torch.conv3d)


@dataclass(frozen=True, slots=True)
class Precision:
    """What a forward pass of training or evaluation runs under."""

    mixed: bool
    device: torch.device

    @property
    def name(self) -> str:
        return "bfloat16" if self.mixed else "float32"

    @contextmanager
    def forward(self) -> Iterator[None]:
        """Cast what runs within; at most one training step, since casts of weights are kept to its end."""
        if not self.mixed:
            yield
            return
        with torch.autocast(self.device.type, torch.bfloat16):
            if self.device.type != "cpu":
                yield
                return
            with _SlowOnes():
                yield


def choose(setting: str, device: torch.device, flops: int | None) -> Precision:
    """Take `setting`, auto or float32; `flops` are those of a batch's forward pass, None where unknown."""
    faster = device.type != "cpu" or (_has_amx() and flops is not None and flops >= FEW_FLOPS)
    return Precision(setting == "auto" and faster, device)


def _has_amx() -> bool:
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


class _SlowOnes(TorchFunctionMode):
    """Keeps in float32 what a CPU does more slowly in bfloat16: depthwise convolutions 2 to 4 times, attention 5."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if not (func is F.scaled_dot_product_attention or (func in CONVOLUTIONS and _is_depthwise(args, kwargs))):
            return func(*args, **kwargs)
        with torch.autocast("cpu", enabled=False):
            return func(*map(_float32, args), **{key: _float32(value) for key, value in kwargs.items()})


def _is_depthwise(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether each of several groups sees one channel; weights are (out, in / groups, ...)."""
    weight = args[1] if len(args) > 1 else kwargs["weight"]
    groups = args[6] if len(args) > 6 else kwargs.get("groups", 1)
    return bool(groups > 1 and weight.shape[1] == 1)


def _float32(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype is torch.bfloat16 else value
