"""The parts of a step by the recipe: the gradient of a batch, its clipping, and the optimizer's step.

Training and its repetition in a clean process share them. Torch's functions are taken when this module is imported,
before any candidate's code, and hooks of torch's optimizers do not run.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_
from torch.optim import SGD

from nnloop.training.precision import Precision
from nnloop.training.recipe import Recipe

_backward = torch.autograd.backward
SGD([torch.zeros(1, requires_grad=True)])  # the first one makes torch put a wrapper, which runs hooks, around SGD.step
_sgd_step = getattr(SGD.step, "__wrapped__")  # noqa: B009


def batch_loss(net: nn.Module, x: Tensor, y: Tensor, *, recipe: Recipe, precision: Precision) -> Tensor:
    """Return the loss of a batch of images (B, C, H, W) and labels (B,)."""
    with precision.forward():
        out = first_output(net(x))
    return cross_entropy(out.float(), y, label_smoothing=recipe.label_smoothing)


def backward(loss: Tensor) -> None:
    """Add the loss's gradient to the parameters' gradients."""
    _backward(loss)


def clip(net: nn.Module, clip_norm: float) -> None:
    """Clip the gradient, unless `clip_norm` is 0."""
    if clip_norm:
        clip_grad_norm_(net.parameters(), clip_norm)


def optimizer_step(optimizer: SGD) -> None:
    """Take the optimizer's step."""
    _sgd_step(optimizer)


def first_output(out: object) -> Tensor:
    """Return the logits of a training pass. Where auxiliary heads give more, the logits come first."""
    while not isinstance(out, Tensor):
        if isinstance(out, Mapping) and out:
            out = next(iter(out.values()))
        elif isinstance(out, list | tuple) and out:
            out = out[0]
        else:
            raise TypeError(f"forward() gave {type(out).__name__} in training")
    return out
