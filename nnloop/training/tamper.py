"""Watch a candidate's training for work that is not the recipe's, from within its process.

This is a best effort: a candidate shares this process and could undo any check. The accuracy itself is safe: another
process evaluates the trained weights, and the parent computes the accuracy from labels that no candidate has.

Status.TAMPERED, with the reason:
- functions of torch, Lightning, numpy or this package that were replaced or given other code;
- optimizer steps or backward passes while the network is built;
- a network that knows the training images' labels before it is trained.

Status.OFF_RECIPE, which honest code may end in too:
- optimizer steps or backward passes beside those of the recipe;
- in a network that trains itself, more gradients than batches, together with more optimizer steps than batches (two
  steps by one gradient are only a larger one) or with parameters that change between two optimizer steps.

Steps of the recipe are recorded (`recording`) and repeated in the evaluation's process (`replay`), and the parent
compares their cost with the training's.
"""

import functools
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, TracebackType
from typing import Any, Self

import lightning
import numpy
import torch
from numpy.lib import format as npy
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from nnloop.records import Status
from nnloop.training.unfit import UnfitError

LOOKS = 4  # steps after which the parameters are compared before the next step
KNOWING = 0.6  # share of the way from chance to perfect accuracy that no untrained network reaches
FEW_CLASSES = 5  # with fewer, one may tell heaps of images apart by chance; the evaluation compares it with a clean one


class Watch:
    """A watch over one trial: in a `with` block, call built, begin and trained, in this order.

    Each of the three, and the end of the block, raises UnfitError.
    """

    def __init__(self, seed: int, secret: int = 0) -> None:
        """Watch a training by this seed; `secret` decides when it is looked at more closely."""
        self.seed, self.secret = seed, secret
        self.changed = False  # parameters between two optimizer steps; looked at for a few steps
        self._random = random.Random(secret)
        self._steps = 0
        self._passes = 0
        self._gradients = 0  # calls of torch.autograd.grad
        self._depth = 0
        self._looks: set[int] = set()
        self._parameters: list[nn.Parameter] = []
        self._remembered: list[Tensor] = []

    def __enter__(self) -> Self:
        self._hooks = [
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        ]
        self._originals = originals()
        self._backward, self._grad = torch.autograd.backward, torch.autograd.grad
        self._counting = (self._count_backward, self._count_grad)
        torch.autograd.backward, torch.autograd.grad = self._counting
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        counting = (torch.autograd.backward, torch.autograd.grad)
        torch.autograd.backward, torch.autograd.grad = self._backward, self._grad
        for hook in self._hooks:
            hook.remove()
        if error is None:  # the candidate can't replace this method: Python looked it up before the candidate ran
            self._check_originals(counting)

    def built(self, net: nn.Module, x: Tensor, y: Tensor, *, classes: int) -> None:
        """Check an untrained network on a few training images, `x` (N, C, H, W) prepared for it."""
        self._check_originals((torch.autograd.backward, torch.autograd.grad))
        if self._steps or self._passes:
            raise _tampered(f"{max(self._steps, self._passes)} training steps while it was built")
        net.eval()
        with torch.no_grad():
            right = (net(x).argmax(1) == y).float().mean().item()
        if classes >= FEW_CLASSES and right > 1 / classes + KNOWING * (1 - 1 / classes):
            raise _tampered(f"it knows {right:.0%} of the training labels before it is trained")

    def begin(self, net: nn.Module, steps: int) -> None:
        """Watch the training of `steps` steps that starts now."""
        self._parameters = list(net.parameters())
        self._steps = self._passes = self._gradients = 0
        self._looks = {*self._random.sample(range(1, steps + 1), min(LOOKS, steps))}

    def trained(self) -> None:
        """Check a training by the recipe, whose own steps and passes are not counted here."""
        if self._steps or self._passes:
            raise UnfitError(
                Status.OFF_RECIPE,
                f"{self._steps} optimizer steps and {self._passes} backward passes beside the recipe's",
            )

    @contextmanager
    def own_pass(self) -> Iterator[None]:
        """Leave the backward pass in the block, and passes within it, out of the count."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def _before_step(self, *arguments: object) -> None:
        remembered, self._remembered = self._remembered, []
        self.changed |= bool(remembered) and not all(map(_same, self._parameters, remembered))

    def _after_step(self, *arguments: object) -> None:
        self._steps += 1
        if self._steps in self._looks:
            self._remembered = [parameter.detach().clone() for parameter in self._parameters]

    @property
    def gradients(self) -> int:
        """The number of times that gradients were computed since the training began, for any use."""
        return self._passes + self._gradients

    def _count_grad(self, *arguments: Any, **keywords: Any) -> Any:
        self._gradients += 1
        return self._grad(*arguments, **keywords)

    def _count_backward(self, *arguments: Any, **keywords: Any) -> None:
        """Count backward passes, but not those within a pass, which recompute activations (torch.utils.checkpoint)."""
        self._passes += self._depth == 0
        self._depth += 1
        try:
            self._backward(*arguments, **keywords)
        finally:
            self._depth -= 1

    def _check_originals(self, counting: tuple[object, object]) -> None:
        for now, ours, name in zip(counting, self._counting, ("backward", "grad"), strict=True):
            if now != ours:
                raise _tampered(f"torch.autograd.{name} was replaced")
        for owner, parts in self._originals.items():
            now = vars(owner)
            for name, value, code in parts:
                if now.get(name) is not value or (code is not None and getattr(value, "__code__", None) is not code):
                    raise _tampered(f"{owner.__name__}.{name} was replaced")


Original = tuple[str, object, object]  # name, value, and the value's code
Originals = dict[ModuleType | type, list[Original]]  # by owner


@functools.cache
def originals() -> Originals:
    """Return the functions that training and evaluation use, by owner, as they were at the first call.

    The first call comes before any candidate's code.
    """
    SGD([torch.zeros(1, requires_grad=True)])  # the first one makes torch put its own wrapper around SGD.step
    own = [module for name, module in sys.modules.items() if name.startswith(("nnloop.training", "nnloop.sandbox"))]
    kinds = {kind for module in own for kind in vars(module).values() if isinstance(kind, type)}
    owners: list[ModuleType | type] = [
        *(torch, torch.Tensor, nn, nn.functional, nn.utils, nn.Module, nn.Linear, nn.Conv2d, nn.BatchNorm2d),
        *(torch.optim, Optimizer, SGD, lightning.Trainer, lightning.LightningModule, numpy, npy),
        *own,
        *(kind for kind in kinds if kind.__module__.startswith("nnloop.")),
    ]
    return {owner: list(_callables(owner)) for owner in owners}


def _callables(owner: ModuleType | type) -> Iterator[Original]:
    for name, value in list(vars(owner).items()):
        if callable(value) or isinstance(value, property | staticmethod | classmethod):
            yield name, value, getattr(value, "__code__", None)


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one, other) or torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def _tampered(reason: str) -> UnfitError:
    return UnfitError(Status.TAMPERED, reason)
