"""The precision of a trial's computations: bfloat16 beside float32 if that is faster, else float32.

Weights, their updates and the loss are float32 in both cases. On a CPU, bfloat16 is faster with AMX: then one core
trains our seed networks 1.7 times as fast as in float32 at CIFAR-10's size (geometric mean), but 0.9 times as fast at
the size of digits. With AVX512-BF16 alone it depends on the maker: on an AMD EPYC three plain convolutional networks
trained 1.8 to 2.2 times as fast, on an Intel Xeon with its AMX switched off two convolutions 0.7 to 0.8 times as fast.
Below `FEW_FLOPS`, a bound measured with AMX, the casts cost more than they save.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.overrides import TorchFunctionMode

# A batch whose forward pass has fewer stays in float32 on a CPU; those of digits have 2 to 130 million.
FEW_FLOPS = 250_000_000
CONVOLUTIONS = (torch.conv1d, torch.conv2d, torch.conv3d)


@dataclass(frozen=True, slots=True)
class Precision:
    """The precision of the forward passes of training and evaluation."""

    mixed: bool  # bfloat16 beside float32
    device: torch.device

    @property
    def name(self) -> str:
        """Its name in a trial's result."""
        return "bfloat16" if self.mixed else "float32"

    @contextmanager
    def forward(self) -> Iterator[None]:
        """Cast the operations in the block: one training step at most, because casts of weights stay until its end."""
        if not self.mixed:
            yield
            return
        slow_ones = _SlowOnes() if self.device.type == "cpu" else nullcontext()
        with torch.autocast(self.device.type, torch.bfloat16), slow_ones:
            yield


def choose(setting: str, device: torch.device, flops: int | None) -> Precision:
    """Choose by `setting`, auto or float32, and by the `flops` of a batch's forward pass; None: unknown."""
    large = flops is not None and flops >= FEW_FLOPS
    faster = device.type != "cpu" or (large and computes_bfloat16(torch.cpu.get_capabilities()))
    return Precision(setting == "auto" and faster, device)


def computes_bfloat16(capabilities: Mapping[str, object]) -> bool:
    """Tell whether a CPU with these capabilities, as torch names them, is faster in bfloat16."""
    made_by_amd = str(capabilities.get("cpu_name", "")).startswith("AMD")
    return bool(capabilities.get("amx_bf16") or (made_by_amd and capabilities.get("avx512_bf16")))


class _SlowOnes(TorchFunctionMode):
    """A mode with depthwise convolutions and attention in float32: bfloat16 makes them 2 to 5 times slower on a CPU."""

    def __torch_function__(
        self, func: Callable[..., object], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> object:
        kwargs = kwargs or {}
        if not (func is F.scaled_dot_product_attention or (func in CONVOLUTIONS and _is_depthwise(args, kwargs))):
            return func(*args, **kwargs)
        with torch.autocast("cpu", enabled=False):
            return func(*map(_float32, args), **{key: _float32(value) for key, value in kwargs.items()})


def _is_depthwise(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether each of several groups sees one channel; weights are (out, in / groups, ...)."""
    weight = args[1] if len(args) > 1 else kwargs["weight"]
    groups = args[6] if len(args) > 6 else kwargs.get("groups", 1)
    return bool(groups > 1 and weight.shape[1] == 1)


def _float32(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype is torch.bfloat16 else value
