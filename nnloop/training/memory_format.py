"""The memory format of a network and its images: channels last, in which convolutions are faster, or the default one.

The operators that the forward pass calls decide, not the network's source, and the size of a batch. Measured by
tests/bench/bench_formats.py, which prints every network: how many times as fast a training step is in channels last,
our 34 seeds on one core of an Intel Xeon with AMX, a machine busy with other work, so that a tenth says nothing.

| seeds | CIFAR-10's size, batches of 64, float32 | bfloat16 | size of digits, batches of 24, float32 |
|---|---|---|---|
| gated: GLU | 0.45 to 0.50 | 0.32 to 0.34 | 0.93 |
| maxout: amax over one dimension of five | 0.45 to 0.48 | 0.49 to 0.52 | 1.2 to 1.4 |
| focus: amax over channels and pixels | 1.2 | 1.0 | 1.5 |
| highway, mlp | 0.92 to 0.98 | 0.9 to 1.0 | 0.93, not measured |
| large: depthwise kernels of 7 and 9 pixels | 2.5 to 2.8 | 2.4 to 2.6 | 1.1 to 1.5 |
| mixer | 1.24 | 1.23 | 1.12 |
| the other 27 | 1.06 to 1.9 | 1.1 to 2.0 | not measured |
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from nnloop.training.precision import FEW_FLOPS

# Operators whose networks train in the default format on a CPU if their batches are large. The gradients that these
# operators pass back are in the default format, in which normalisations and convolutions before them are slow then.
SLOW = frozenset({"amax", "glu"})


def choose_format(net: nn.Module, sample: Tensor, flops: int | None) -> torch.memory_format:
    """Put the network into the memory format in which it will train, and return that format.

    A network also stays in the default format if its forward pass fails with channels last, as it does on a view of a
    convolution's output. `sample` are images (B, C, H, W) on the network's device, `flops` are of a training batch's
    forward pass (None: unknown, taken for many).
    """
    recorder = _Operators()
    try:
        _to_format(net, torch.channels_last)
        with torch.no_grad(), recorder:
            net(sample.contiguous(memory_format=torch.channels_last))
    except RuntimeError:
        _to_format(net, torch.contiguous_format)
        return torch.contiguous_format
    large = flops is None or flops >= FEW_FLOPS
    if sample.device.type == "cpu" and large and recorder.names & SLOW:
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
