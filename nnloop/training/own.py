"""The Lightning module of a network that trains itself: LEMUR's train_setup(prm) and learn(batches)."""

from collections.abc import Callable, Iterator
from typing import Self

import torch
from lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

from nnloop.records import Status
from nnloop.training.images import Batch, TrainBatches
from nnloop.training.recipe import Recipe
from nnloop.training.tamper import Watch
from nnloop.training.unfit import UnfitError

BATCHES_PER_LOOK = 16


def trains_itself(net: nn.Module, recipe: Recipe) -> bool:
    """Return whether the recipe allows the network to train itself, and the network can."""
    return recipe.own_training and callable(getattr(net, "learn", None))


class OwnTraining(LightningModule):
    """The training of `net` by its own learn: one pass over the batches an epoch, which is one step of Lightning.

    The trial ends as diverged when a weight is no longer finite. The loss is known only to the network.
    """

    def __init__(self, net: nn.Module, recipe: Recipe, watch: Watch) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.net = net
        self.recipe = recipe
        self.watch = watch
        self.steps: dict[int, int] = {}  # by optimizer

    def configure_optimizers(self) -> Optimizer | None:
        """Call the network's train_setup and return the optimizer that it made, if it made one."""
        setup = getattr(self.net, "train_setup", None)
        if callable(setup):
            setup(self.recipe.prm())
        optimizer = getattr(self.net, "optimizer", None)
        return optimizer if isinstance(optimizer, Optimizer) else None

    def training_step(self, batches: "Pass", batch_idx: int) -> None:
        """Call the network's learn. Raises UnfitError if it took more optimizer steps and gradients than batches."""
        learn: Callable[[Pass], object] = self.net.learn  # type: ignore[assignment]
        self.steps.clear()
        before = self.watch.gradients
        counting = register_optimizer_step_post_hook(self._count)
        try:
            learn(batches)
        finally:
            counting.remove()
        batches.look()
        steps, gradients = max(self.steps.values(), default=0), self.watch.gradients - before
        if gradients > batches.given and (steps > batches.given or self.watch.changed):
            beside = ", and parameters that changed between two steps" if self.watch.changed else ""
            raise UnfitError(
                Status.OFF_RECIPE,
                f"{steps} optimizer steps by {gradients} gradients for {batches.given} batches{beside}",
            )

    def _count(self, optimizer: Optimizer, arguments: object, keywords: object) -> None:
        self.steps[id(optimizer)] = self.steps.get(id(optimizer), 0) + 1


class Pass:
    """One epoch's batches, given out once. Like LEMUR's loader, it is its own iterator and has a length."""

    def __init__(self, batches: TrainBatches, net: nn.Module) -> None:
        self._batches = batches
        self._iterator = iter(batches)
        self._net = net
        self.given = 0

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        if self.given % BATCHES_PER_LOOK == 0:
            self.look()
        batch = next(self._iterator)
        self.given += 1
        return batch

    def look(self) -> None:
        """Raise UnfitError if a weight is not finite; a loss that is not finite makes all weights so."""
        norm: Tensor = nn.utils.get_total_norm([parameter.detach() for parameter in self._net.parameters()])
        if not torch.isfinite(norm):
            raise UnfitError(
                Status.DIVERGED, f"the weights are not finite after {self.given} of {len(self._batches)} batches"
            )


class Passes:
    """The loader that Lightning iterates over, with one pass an epoch."""

    def __init__(self, batches: TrainBatches, net: nn.Module) -> None:
        self._batches = batches
        self._net = net

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Pass]:
        yield Pass(self._batches, self._net)
