"""Convolutions to a map of a few pixels as matrix products, which a CPU computes faster than torch's convolutions.

With hundreds of channels on 2x2 or 1x1 pixels, the last stages of many networks at 32 px, a convolution is a product of
a large matrix of weights with few rows of pixels, for which oneDNN's kernels are not made. Gathering the pixels under
each tap and multiplying gives the same sums in another order, up to 11 times as fast from `MANY_WEIGHTS` on.
Taps that meet nothing but padding (8 of a 3x3 kernel's 9 on one pixel) are left out of the product.
"""

import torch
from torch import Tensor, nn

# Largest map of a result, height times width, that is multiplied out.
FEW_PIXELS = 4
# Below this many weights the two are about equally fast.
MANY_WEIGHTS = 1 << 17


class SmallMapConv2d(nn.Conv2d):
    """An nn.Conv2d without groups or dilation, padded by zeros, that multiplies small maps out."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve images, (B, C, H, W) or (C, H, W)."""
        if x.dim() != 4:
            return super().forward(x)
        vertical, horizontal = (_Axis(x.shape[2 + at], *self._numbers(at)) for at in range(2))
        if min(vertical.out, horizontal.out) < 1 or vertical.out * horizontal.out > FEW_PIXELS:
            return super().forward(x)
        pixels = nn.functional.pad(x.permute(0, 2, 3, 1), (0, 0, *horizontal.pads, *vertical.pads))
        under = [pixels[:, rows, columns] for rows in vertical.slices() for columns in horizontal.slices()]
        taps = self.weight[:, :, vertical.taps, horizontal.taps].permute(0, 2, 3, 1)
        out = nn.functional.linear(torch.cat(under, 3), taps.flatten(1), self.bias)
        return out.permute(0, 3, 1, 2)

    def _numbers(self, at: int) -> tuple[int, int, int]:
        return self.kernel_size[at], self.stride[at], int(self.padding[at])


class _Axis:
    """One of the two axes: `out` pixels of the result, and `taps`, the part of the kernel that ever meets the image."""

    def __init__(self, size: int, kernel: int, stride: int, padding: int) -> None:
        self.out = (size + 2 * padding - kernel) // stride + 1
        self.pads = (padding, padding)
        self._stride = stride
        last = (self.out - 1) * stride - padding  # where the kernel starts for the last pixel
        used = [tap for tap in range(kernel) if tap + last >= 0 and tap - padding < size]
        self.taps = slice(used[0], used[-1] + 1) if used else slice(0, kernel)

    def slices(self) -> list[slice]:
        """Return the pixels of the padded image under each tap."""
        reach = (self.out - 1) * self._stride + 1
        return [slice(tap, tap + reach, self._stride) for tap in range(self.taps.start, self.taps.stop)]


def multiply_small_maps(net: nn.Module) -> None:
    """Have the large convolutions of `net` multiply out maps of a few pixels. Its parameters stay the same objects."""
    for module in net.modules():
        if type(module) is nn.Conv2d and module.weight.numel() >= MANY_WEIGHTS and _is_plain(module):
            module.__class__ = SmallMapConv2d


def _is_plain(convolution: nn.Conv2d) -> bool:
    padding = convolution.padding
    return (
        convolution.groups == 1
        and convolution.dilation == (1, 1)
        and convolution.padding_mode == "zeros"
        and not isinstance(padding, str)
    )
