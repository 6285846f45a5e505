"""The Lightning module of a network that trains by the recipe alone."""

from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor, nn
from torch.optim import SGD

from nnloop.records import Status
from nnloop.training.images import Batch
from nnloop.training.recipe import Recipe, one_cycle
from nnloop.training.unfit import UnfitError

STEPS_PER_CALL = 16
"""Optimizer steps in one Lightning step: its own work for each, about 0.5 ms, is as much as a small network's step."""


class Classifier(LightningModule):
    """Trains `net`; ends the trial as diverged when the loss is no longer finite. Gets chunks of batches."""

    def __init__(self, net: nn.Module, recipe: Recipe, total_steps: int) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.net = net
        self.recipe = recipe
        self.total_steps = total_steps
        self.steps = 0
        self.loss_sum = torch.zeros(())

    def on_train_start(self) -> None:
        self.loss_sum = torch.zeros((), device=self.device)

    def training_step(self, chunk: list[Batch], batch_idx: int) -> None:
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        for x, y in chunk:
            self._step(optimizer, x, y)
        self._check()

    def _step(self, optimizer: SGD, x: Tensor, y: Tensor) -> None:
        recipe = self.recipe
        if recipe.warmup_share is not None:
            optimizer.param_groups[0]["lr"] = recipe.lr * one_cycle(self.steps, self.total_steps, recipe.warmup_share)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.net(x).float(), y, label_smoothing=recipe.label_smoothing)
        self.manual_backward(loss)
        if recipe.clip_norm:
            nn.utils.clip_grad_norm_(self.net.parameters(), recipe.clip_norm)
        optimizer.step()
        self.loss_sum += loss.detach()
        self.steps += 1

    def _check(self) -> None:
        """Look at the loss once a chunk: on an accelerator a look waits for the device."""
        if not torch.isfinite(self.loss_sum):
            raise UnfitError(Status.DIVERGED, f"the loss is not finite by step {self.steps} of {self.total_steps}")

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Leave it: the images are there already."""
        return batch

    def configure_optimizers(self) -> SGD:
        recipe = self.recipe
        return SGD(
            [parameter for parameter in self.net.parameters() if parameter.requires_grad],
            lr=recipe.lr,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov and recipe.momentum > 0,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
