"""The memory format of a network and its images: channels last, in which convolutions are faster, or the default one.

Channels last makes a training step of most of our seeds on a CPU 1.0 to 2.1 times as fast (0.9 at worst), but that of
the gated one, whose activation is GLU, 3.7 times as slow (tests/bench/bench_formats.py: 64 images of CIFAR-10's size in
float32, one core of an Intel Xeon). So the operators that the forward pass calls decide, not the network's source.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

SLOW = frozenset({"glu"})
"""Operators whose networks train faster in the default format on a CPU."""


def choose_format(net: nn.Module, sample: Tensor) -> torch.memory_format:
    """Put the network into the memory format in which it will train, and return that format.

    A network also stays in the default format if its forward pass fails with channels last, as it does on a view of a
    convolution's output. `sample` are images (B, C, H, W) on the network's device.
    """
    recorder = _Operators()
    try:
        _to_format(net, torch.channels_last)
        with torch.no_grad(), recorder:
            net(sample.contiguous(memory_format=torch.channels_last))
    except RuntimeError:
        _to_format(net, torch.contiguous_format)
        return torch.contiguous_format
    if sample.device.type == "cpu" and recorder.names & SLOW:
        _to_format(net, torch.contiguous_format)
        return torch.contiguous_format
    return torch.channels_last


def _to_format(net: nn.Module, memory_format: torch.memory_format) -> None:
    net.to(memory_format=memory_format)  # type: ignore[call-overload]


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A record of the names of the operators that were called."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: Sequence[object] = (), kwargs: dict[str, object] | None = None
    ) -> object:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))
