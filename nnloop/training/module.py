"""The Lightning module of a network that trains by the recipe alone."""

import math
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor, nn
from torch.optim import SGD

from nnloop.records import Status
from nnloop.training.images import Batch
from nnloop.training.precision import Precision
from nnloop.training.randomness import RandomState
from nnloop.training.recipe import Recipe, one_cycle
from nnloop.training.recording import Recorder
from nnloop.training.step import backward, batch_loss, clip, optimizer_step
from nnloop.training.tamper import Watch
from nnloop.training.unfit import UnfitError

# Optimizer steps in one step of Lightning, whose own work of about 0.5 ms equals that of a small network's step.
STEPS_PER_CALL = 16


class Classifier(LightningModule):
    """The training of `net` on chunks of batches; it ends the trial as diverged when the loss is no longer finite."""

    def __init__(
        self, net: nn.Module, recipe: Recipe, precision: Precision, *, steps: int, generator: torch.Generator
    ) -> None:
        """Prepare a training of `steps` steps.

        `generator` shuffles and augments the batches; a checkpoint holds its state.
        """
        super().__init__()
        self.automatic_optimization = False
        self.net = net
        self.recipe = recipe
        self.precision = precision
        self.total_steps = steps
        self.generator = generator
        self.steps = 0
        self.loss_sum = torch.zeros(())
        self._seen = (0, 0.0)  # steps, and the sum of their losses, when the loss was last checked
        self.random: RandomState | None = None  # from a checkpoint
        self.recorder: Recorder | None = None
        self.watch: Watch | None = None
        self.last_step = steps  # of this process

    @property
    def mean_loss(self) -> float:
        """The mean of the losses of all steps, at the end of the training."""
        return float(self.loss_sum) / self.total_steps

    def on_train_start(self) -> None:
        """Restore the random number generators if the training continues from a checkpoint."""
        self.loss_sum = self.loss_sum.to(self.device)
        if self.random is not None:
            self.random.restore(self.generator)
        if self.watch is not None:
            optimizer: Any = self.optimizers(use_pl_optimizer=False)
            steps = range(self.steps + 1, self.last_step + 1)
            self.recorder = Recorder(self.net, optimizer, seed=self.watch.seed, secret=self.watch.secret, steps=steps)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the place in the schedule and the random number generators, which Lightning does not save."""
        checkpoint["steps"] = self.steps
        checkpoint["loss_sum"] = self.loss_sum
        checkpoint["seen"] = self._seen
        checkpoint["random"] = asdict(RandomState.now(self.generator))

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Read the entries that on_save_checkpoint added."""
        self.steps, self.loss_sum, self._seen = checkpoint["steps"], checkpoint["loss_sum"], checkpoint["seen"]
        self.random = RandomState(**checkpoint["random"])

    def training_step(self, chunk: list[Batch], batch_idx: int) -> None:
        """Take one optimizer step for each batch of the chunk, then check the loss."""
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        for x, y in chunk:
            self._step(optimizer, x, y)
        self._check()

    def _step(self, optimizer: SGD, x: Tensor, y: Tensor) -> None:
        recipe, step, lr = self.recipe, self.steps + 1, self.recipe.lr
        if recipe.warmup_share is not None:
            lr *= one_cycle(self.steps, self.total_steps, recipe.warmup_share)
            optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        if self.recorder:
            self.recorder.begin(step)
        loss = batch_loss(self.net, x, y, recipe=recipe, precision=self.precision)
        with self.watch.own_pass() if self.watch else nullcontext():
            backward(loss)
        clip(self.net, recipe.clip_norm)
        if self.recorder:
            self.recorder.end(step, x, y, lr=lr)
        optimizer_step(optimizer)
        self.loss_sum += loss.detach()
        self.steps = step

    def _check(self) -> None:
        """Check the loss, only once a chunk: on an accelerator, reading it waits for the device."""
        seen, loss_sum = self._seen, float(self.loss_sum)
        self._seen = (self.steps, loss_sum)
        where = f"step {self.steps} of {self.total_steps}"
        if not math.isfinite(loss_sum):
            raise UnfitError(Status.DIVERGED, f"the loss is not finite by {where}")
        loss, guessing = (loss_sum - seen[1]) / (self.steps - seen[0]), math.log(self.recipe.classes)
        share = self.recipe.chance_share
        if share and self.steps >= share * self.total_steps and loss > guessing:
            raise UnfitError(Status.DIVERGED, f"the loss is {loss:.2f} by {where}, guessing's is {guessing:.2f}")

    def transfer_batch_to_device(self, batch: list[Batch], device: torch.device, dataloader_idx: int) -> list[Batch]:
        """Return the batch as it is, since the images are on the device already."""
        return batch

    def configure_optimizers(self) -> SGD:
        """Return the recipe's optimizer."""
        recipe = self.recipe
        parameters = [parameter for parameter in self.net.parameters() if parameter.requires_grad]
        optimizer = SGD(
            parameters,
            lr=recipe.lr,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov and recipe.momentum > 0,
            weight_decay=recipe.weight_decay,
            fused=all(parameter.is_floating_point() for parameter in parameters),  # there is no fused one of complex
        )
        if recipe.momentum:
            for parameter in parameters:  # torch makes them by the first gradient, and fails where some come later
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        return optimizer
